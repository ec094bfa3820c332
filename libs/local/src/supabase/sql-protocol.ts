import type { Socket } from "node:net";

/** The parts of PostgreSQL's wire protocol (version 3) that are not left to the database itself. */

const requests = { ssl: 80877103, gss: 80877104, cancel: 80877102 };
const maxMessage = 256 * 1024 * 1024;

export interface Frame {
  /** Message type; empty for the start-up message. */
  type: string;
  bytes: Buffer;
}

/** A client's messages, whole, in order; reads no faster than they are taken. Refuses encryption: the socket is local. */
export async function* readFrames(socket: Socket): AsyncGenerator<Frame> {
  let buffered: Buffer = Buffer.alloc(0);
  let started = false;
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    buffered = buffered.length === 0 ? chunk : Buffer.concat([buffered, chunk]);
    for (;;) {
      const head = started ? 1 : 0;
      if (buffered.length < head + 4) break;
      const length = head + buffered.readInt32BE(head);
      if (length < head + 4 || length > maxMessage) return;
      if (buffered.length < length) break;
      const bytes = buffered.subarray(0, length);
      buffered = buffered.subarray(length);
      if (started) {
        yield { type: String.fromCharCode(bytes[0] ?? 0), bytes };
        continue;
      }
      const code = length < 8 ? requests.cancel : bytes.readInt32BE(4);
      if (code === requests.cancel) return;
      if (code === requests.ssl || code === requests.gss) socket.write("N");
      else {
        started = true;
        yield { type: "", bytes };
      }
    }
  }
}

function message(type: string, ...parts: (string | Buffer)[]): Buffer {
  const body = Buffer.concat(parts.map((part) => (typeof part === "string" ? Buffer.from(`${part}\0`) : part)));
  const head = Buffer.alloc(5, type);
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

/** The answer to a start-up message: come in, these are the settings, go ahead. */
export function welcome(settings: Record<string, string>): Buffer {
  return Buffer.concat([
    message("R", Buffer.alloc(4)),
    ...Object.entries(settings).map(([name, value]) => message("S", name, value)),
    message("K", Buffer.alloc(8)),
    readyForQuery,
  ]);
}

const readyForQuery = message("Z", Buffer.from("I"));

export function errorResponse(severity: "ERROR" | "FATAL", code: string, text: string): Buffer {
  const field = (letter: string, value: string) => Buffer.from(`${letter}${value}\0`);
  const response = message(
    "E",
    Buffer.concat([field("S", severity), field("V", severity), field("C", code), field("M", text), Buffer.alloc(1)]),
  );
  return severity === "FATAL" ? response : Buffer.concat([response, readyForQuery]);
}
