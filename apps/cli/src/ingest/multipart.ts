import { randomBytes } from "node:crypto";
import { createReadStream } from "node:fs";
import { basename } from "node:path";
import { Readable } from "node:stream";
import type { UploadFields } from "@sluice/contracts";

/** Content decides what a file is; kinds of text that look alike are told by their names. */
function declaredType(file: string): string {
  return /\.(md|markdown)$/i.test(file) ? "text/markdown" : "application/octet-stream";
}

/** A multipart body that reads its files as it is sent; none is held in memory. */
export function multipart(
  fields: UploadFields,
  files: readonly string[],
): { contentType: string; body: ReadableStream<Uint8Array> } {
  const boundary = `sluice-${randomBytes(16).toString("hex")}`;
  const part = (disposition: string, type?: string) =>
    Buffer.from(
      `--${boundary}\r\ncontent-disposition: form-data; ${disposition}\r\n${type === undefined ? "" : `content-type: ${type}\r\n`}\r\n`,
    );
  // As browsers do (WHATWG HTML, multipart/form-data encoding algorithm).
  const quoted = (text: string) => text.replace(/"/g, "%22").replace(/\r/g, "%0D").replace(/\n/g, "%0A");
  async function* parts(): AsyncGenerator<Buffer> {
    for (const [name, value] of Object.entries(fields)) {
      if (value === undefined) continue;
      yield part(`name="${name}"`);
      yield Buffer.from(`${typeof value === "string" ? value : JSON.stringify(value)}\r\n`);
    }
    for (const file of files) {
      yield part(`name="file"; filename="${quoted(basename(file))}"`, declaredType(file));
      for await (const chunk of createReadStream(file)) yield chunk as Buffer;
      yield Buffer.from("\r\n");
    }
    yield Buffer.from(`--${boundary}--\r\n`);
  }
  return {
    contentType: `multipart/form-data; boundary=${boundary}`,
    body: Readable.toWeb(Readable.from(parts(), { objectMode: false })) as ReadableStream<Uint8Array>,
  };
}
