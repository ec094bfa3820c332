import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { connect, type Socket } from "node:net";

/** A request written byte by byte, for senders that misbehave. */
export interface RawRequest {
  socket: Socket;
  boundary: string;
  /** Writes, and waits while the other side does not read. False when the connection is gone. */
  write(data: string | Buffer): Promise<boolean>;
  /** All that was answered, when the other side has closed. */
  answer(): Promise<string>;
}

/** The head of a chunked upload; the body is up to the caller. */
export async function beginUpload(port: number, key: string, headers: string[] = []): Promise<RawRequest> {
  const socket = connect(port, "127.0.0.1");
  await once(socket, "connect");
  const boundary = randomUUID();
  let gone = false;
  let text = "";
  socket.on("error", () => {});
  socket.on("data", (data) => {
    text += data.toString();
  });
  const closed = new Promise<void>((resolve) => socket.on("close", () => resolve()));
  closed.then(() => {
    gone = true;
  });
  const raw = (data: string | Buffer) =>
    new Promise<boolean>((resolve) => {
      if (gone) return resolve(false);
      if (socket.write(data)) return setImmediate(() => resolve(!gone));
      socket.once("drain", () => resolve(!gone));
      closed.then(() => resolve(false));
    });
  const head = [
    "POST /v1/documents HTTP/1.1",
    "Host: localhost",
    `X-API-Key: ${key}`,
    `Content-Type: multipart/form-data; boundary=${boundary}`,
    "Transfer-Encoding: chunked",
    ...headers,
  ];
  await raw(`${head.join("\r\n")}\r\n\r\n`);
  return {
    socket,
    boundary,
    write(data) {
      const bytes = Buffer.from(data as string);
      return raw(Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from("\r\n")]));
    },
    async answer() {
      await closed;
      return text;
    },
  };
}

export function partHead(boundary: string, name: string, fileName?: string): string {
  const file = fileName === undefined ? "" : `; filename="${fileName}"`;
  return `--${boundary}\r\nContent-Disposition: form-data; name="${name}"${file}\r\n\r\n`;
}
