import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** What a request asked for. */
export interface Asked {
  input: string[];
  dimensions: number | undefined;
  encoding: string | undefined;
  authorization: string | undefined;
  /** Of the other side: one for each connection. */
  port: number | undefined;
}
/** How a request is answered; `undefined` for properly. */
export type Mood = (asked: Asked, response: ServerResponse) => boolean | undefined;

/** A server of the OpenAI embeddings protocol that can fail the way they do. */
export interface EmbeddingServer {
  url: string;
  asked: Asked[];
  /** From now on; null: well. */
  behave(mood: Mood | null): void;
  destroy(): Promise<void>;
}

export const dimensions = 16;
/** What each request counts for, whatever is in it. */
export const tokensOfRequest = 7;

/** Meaning, as far as this server understands it: words of one row mean the same. */
const meanings = [
  ["heart", "cardiac", "coronary"],
  ["lung", "pulmonary", "breath"],
  ["kidney", "renal", "dialysis"],
  ["skin", "rash", "eczema"],
];

export function vectorOf(text: string): number[] {
  const vector = new Array<number>(dimensions).fill(0.01);
  for (const [i, words] of meanings.entries())
    for (const word of words) if (text.toLowerCase().includes(word)) vector[i] = (vector[i] ?? 0) + 1;
  return vector;
}

/** As long as it was asked for. */
const vectorFor = (asked: Asked, text: string) => vectorOf(text).slice(0, asked.dimensions ?? dimensions);

export const base64 = (vector: number[]) => Buffer.from(Float32Array.from(vector).buffer).toString("base64");

export function answer(
  response: ServerResponse,
  data: unknown,
  status = 200,
  headers: Record<string, string> = {},
): true {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(JSON.stringify(data));
  return true;
}

/** A proper answer to the inputs, `change` applied to its items. */
export function embeddings(
  asked: Asked,
  change: (items: { object: string; index: number; embedding: unknown }[]) => unknown[] = (items) => items,
) {
  const items = asked.input.map((text, index) => ({
    object: "embedding",
    index,
    embedding: asked.encoding === "base64" ? base64(vectorFor(asked, text)) : vectorFor(asked, text),
  }));
  return {
    object: "list",
    model: "test",
    data: change(items),
    usage: { prompt_tokens: tokensOfRequest, total_tokens: tokensOfRequest },
  };
}

async function read(request: IncomingMessage): Promise<Asked> {
  let body = "";
  for await (const chunk of request) body += chunk;
  const { input, dimensions: wanted, encoding_format: encoding } = JSON.parse(body);
  return {
    input,
    dimensions: wanted,
    encoding,
    authorization: request.headers.authorization,
    port: request.socket.remotePort,
  };
}

export async function startEmbeddingServer(): Promise<EmbeddingServer> {
  let mood: Mood | null = null;
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    read(request).then(
      (question) => {
        asked.push(question);
        if (mood?.(question, response) !== true) answer(response, embeddings(question));
      },
      () => response.destroy(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    asked,
    behave(next) {
      mood = next;
    },
    async destroy() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
