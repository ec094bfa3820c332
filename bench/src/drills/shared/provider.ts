import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export const dimensions = 16;
export type Mood =
  | "well"
  | "limited"
  | "broken"
  | "unavailable"
  | "hangs"
  | "truncates"
  | "nonsense"
  | "notANumber"
  | "tooFew"
  | "tooShort";

/** A local server of the OpenAI embeddings protocol. Vectors follow from the text alone, so that a wrong one is seen. */
export interface Provider {
  url: string;
  /** Asked for each request from now on; null: it is well. */
  behave(mood: (() => Mood) | null): void;
  /** How many requests met each mood. */
  moods: Partial<Record<Mood, number>>;
  /** Texts that were answered with a vector each. */
  answered(): number;
  destroy(): Promise<void>;
}

function vectorOf(text: string): Float32Array {
  const hash = createHash("sha256").update(text).digest();
  return Float32Array.from({ length: dimensions }, (_, i) => (hash.readUInt16LE(i * 2) + 1) / 65_536);
}

const encode = (vector: Float32Array) => Buffer.from(vector.buffer).toString("base64");

function answer(response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}): void {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(typeof body === "string" ? body : JSON.stringify(body));
}

function respond(response: ServerResponse, input: string[], mood: Mood): void {
  const list = (change: (vectors: Float32Array[]) => Float32Array[]) => ({
    object: "list",
    model: "drill",
    data: change(input.map(vectorOf)).map((vector, index) => ({
      object: "embedding",
      index,
      embedding: encode(vector),
    })),
  });
  const whole = list((vectors) => vectors);
  const moods: Record<Mood, () => void> = {
    well: () => answer(response, 200, whole),
    limited: () => answer(response, 429, { error: { message: "slow down" } }, { "retry-after": "2" }),
    broken: () => answer(response, 500, { error: { message: "internal" } }),
    unavailable: () => answer(response, 503, { error: { message: "overloaded" } }),
    hangs: () => {},
    truncates() {
      const body = JSON.stringify(whole);
      response.writeHead(200, { "content-type": "application/json", "content-length": String(body.length) });
      response.write(body.slice(0, body.length / 2), () => response.destroy());
    },
    nonsense: () => answer(response, 200, "<html>maintenance</html>"),
    notANumber: () =>
      answer(
        response,
        200,
        list((vectors) => vectors.map((vector) => vector.fill(Number.NaN, 3, 4))),
      ),
    tooFew: () =>
      answer(
        response,
        200,
        list((vectors) => vectors.slice(1)),
      ),
    tooShort: () =>
      answer(
        response,
        200,
        list((vectors) => vectors.map((vector) => vector.slice(dimensions / 2))),
      ),
  };
  moods[mood]();
}

async function inputOf(request: IncomingMessage): Promise<string[]> {
  let body = "";
  for await (const part of request.setEncoding("utf8")) body += part;
  return (JSON.parse(body) as { input: string[] }).input;
}

export async function startProvider(): Promise<Provider> {
  let choose: (() => Mood) | null = null;
  let answered = 0;
  const moods: Partial<Record<Mood, number>> = {};
  const server = createServer((request, response) => {
    inputOf(request).then(
      (input) => {
        const mood = choose?.() ?? "well";
        moods[mood] = (moods[mood] ?? 0) + 1;
        if (mood === "well") answered += input.length;
        respond(response, input, mood);
      },
      () => response.destroy(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    behave(mood) {
      choose = mood;
    },
    moods,
    answered: () => answered,
    async destroy() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
