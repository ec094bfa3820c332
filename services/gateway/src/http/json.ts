import { SluiceError } from "@sluice/contracts";
import express, { type Request, type RequestHandler, type Response } from "express";
import { z } from "zod";
import { hasBody } from "./problems.js";

const ReaderError = z.object({
  type: z.string().default("unknown"),
  message: z.string().optional(),
  code: z.string().optional(),
});

/** What the JSON reader throws, by its `type`; its messages quote the body and stay behind. */
function readerProblem(thrown: unknown): SluiceError {
  const { type, message, code } = ReaderError.safeParse(thrown).data ?? { type: "unknown" };
  // zlib's: the body is not compressed as Content-Encoding says.
  if (code !== undefined && /^(Z_|ERR__)/.test(code))
    return new SluiceError("content_type_unsupported", { cause: thrown });
  if (type === "entity.too.large") return new SluiceError("body_too_large");
  if (type === "charset.unsupported" || type === "encoding.unsupported") {
    return new SluiceError("content_type_unsupported");
  }
  if (type === "entity.parse.failed") {
    const place = /at position (\d+)/.exec(message ?? "")?.[1];
    const where = place === undefined ? "" : ` (at position ${place})`;
    return new SluiceError("json_malformed", { errors: [{ path: "", message: `The body is not valid JSON${where}` }] });
  }
  if (type === "request.aborted" || type === "request.size.invalid") return new SluiceError("file_incomplete");
  return new SluiceError("internal_error", { cause: thrown });
}

type BodyReader = (request: Request, response: Response) => Promise<unknown>;

/** Reads a body of these types with an Express parser; undefined where there is none. */
function bodyReader(types: string[], parse: RequestHandler): BodyReader {
  return async (request, response) => {
    if (!hasBody(request)) return undefined;
    if (request.is(types) === false) throw new SluiceError("content_type_unsupported");
    await new Promise<void>((resolve, reject) => {
      parse(request, response, (thrown?: unknown) => (thrown ? reject(readerProblem(thrown)) : resolve()));
    });
    return request.body;
  };
}

/** Reads a JSON body of at most `limit` bytes; no body is `{}`. */
export function createJsonReader(limit: number): BodyReader {
  const types = ["application/json", "application/*+json"];
  const read = bodyReader(types, express.json({ limit, strict: true, type: types }));
  return async (request, response) => (await read(request, response)) ?? {};
}

/** Reads a body of JSON lines of at most `limit` bytes into an array; empty lines are passed over. */
export function createLinesReader(limit: number): BodyReader {
  const types = ["application/x-ndjson", "application/jsonl", "application/ndjson"];
  const read = bodyReader(types, express.text({ limit, type: types }));
  return async (request, response) => {
    const lines = String((await read(request, response)) ?? "").split("\n");
    return lines.flatMap((line, i): unknown[] => {
      if (line.trim() === "") return [];
      try {
        return [JSON.parse(line)];
      } catch {
        const errors = [{ path: String(i), message: `Line ${i + 1} is not valid JSON` }];
        throw new SluiceError("json_malformed", { errors });
      }
    });
  };
}
