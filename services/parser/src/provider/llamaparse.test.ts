import { afterAll, beforeAll, beforeEach, expect, it } from "@jest/globals";
import { temporaryFile } from "../testing/collect.js";
import {
  type Answer,
  begun,
  job,
  json,
  type LlamaParseServer,
  startLlamaParseServer,
} from "../testing/llamaparse-server.js";
import { createLlamaParse, isProvided, NotProvided } from "./llamaparse.js";

let server: LlamaParseServer;
let file: string;
beforeAll(async () => {
  server = await startLlamaParseServer();
  ({ file } = await temporaryFile("%PDF-1.7 a scan"));
});
afterAll(() => server.close());
beforeEach(() => {
  server.uploads = [];
  server.upload = [begun];
  server.job = [job("COMPLETED", [{ page_number: 1, markdown: "# One", success: true }])];
});

const pages = (
  options: { apiKey?: string; requestMs?: number; jobMs?: number; maxBytes?: number } = {},
  signal = new AbortController().signal,
) =>
  createLlamaParse({
    baseUrl: `${server.url}/`,
    apiKey: "llx-key",
    tier: "agentic",
    version: "latest",
    requestMs: 2_000,
    jobMs: 10_000,
    pollMs: 1,
    maxBytes: 10_000,
    ...options,
  }).pages(file, "application/pdf", signal);

it("uploads the file without the sender's name for it, waits for the job, and gives pages in order", async () => {
  server.job = [
    job("PENDING"),
    job("RUNNING"),
    job("COMPLETED", [
      { page_number: 2, success: false, error: "could not be read" },
      { page_number: 1, markdown: "# One", success: true },
    ]),
  ];
  expect(await pages()).toEqual([
    { number: 1, markdown: "# One" },
    { number: 2, markdown: null },
  ]);
  expect(server.uploads).toHaveLength(1);
  expect(server.uploads[0]).toContain("%PDF-1.7 a scan");
  expect(server.uploads[0]).toContain('filename="document.pdf"');
  expect(server.uploads[0]).toContain('{"tier":"agentic","version":"latest"}');
});

const html: Answer = (_request, response) =>
  void response.writeHead(200, { "content-type": "text/html" }).end("<html>Bad gateway</html>");
const cutOff: Answer = (_request, response) => {
  response.writeHead(200, { "content-type": "application/json", "content-length": "500" });
  response.write('{"job": {"id": "pjb-1", "sta');
  setTimeout(() => response.destroy(), 20);
};
const hangs: Answer = () => {};

it.each<[string, Answer, string]>([
  ["is down", json({ detail: "Oops" }, 500), "provider_unavailable"],
  ["is behind a broken proxy", html, "provider_unavailable"],
  ["cuts the answer off", cutOff, "provider_unavailable"],
  ["hangs", hangs, "provider_unavailable"],
  ["answers something else", json({ jobs: [] }), "provider_unavailable"],
  ["wants money", json({ detail: "credits" }, 402), "provider_exhausted"],
  ["wants to be asked less often", json({}, 429, { "retry-after": "7" }), "provider_rate_limited"],
])("waits where it %s, at the upload and at the job", async (_what, answer, code) => {
  const options = { requestMs: 300 };
  server.upload = [answer];
  await expect(pages(options)).rejects.toMatchObject({ code });
  server.upload = [begun];
  server.job = [job("PENDING"), answer];
  await expect(pages(options)).rejects.toMatchObject({ code });
});

it.each([
  ["7", 7_000],
  ["0", 1_000],
  ["86400", 600_000],
  ["soon", undefined],
])("takes Retry-After %s for %p ms", async (header, retryAfterMs) => {
  server.upload = [json({}, 429, { "retry-after": header })];
  await expect(pages()).rejects.toMatchObject({ code: "provider_rate_limited", retryAfterMs });
});

it("waits where the key is refused or nobody is there", async () => {
  await expect(pages({ apiKey: "llx-other" })).rejects.toMatchObject({ code: "provider_unauthorized" });
  const gone = await startLlamaParseServer();
  await gone.close();
  const nobody = createLlamaParse({
    baseUrl: gone.url,
    apiKey: "k",
    tier: "fast",
    version: "1",
    requestMs: 500,
    jobMs: 500,
    pollMs: 1,
    maxBytes: 10,
  });
  await expect(nobody.pages(file, "image/png", new AbortController().signal)).rejects.toMatchObject({
    code: "provider_unavailable",
  });
});

it.each<[string, Partial<Pick<LlamaParseServer, "upload" | "job">>]>([
  ["refuses the file", { upload: [json({ detail: "File too large" }, 413)] }],
  ["finds it invalid", { upload: [json({ detail: [] }, 422)] }],
  ["fails on it", { job: [job("FAILED")] }],
  ["has it cancelled", { job: [job("CANCELLED")] }],
  ["forgets it", { job: [json({ detail: "Job not found" }, 404)] }],
  ["finds no page", { job: [job("COMPLETED", [])] }],
  ["makes too much of it", { job: [job("COMPLETED", [{ page_number: 1, markdown: "x".repeat(20_000) }])] }],
])("leaves a document to the parser where LlamaParse %s", async (_what, answers) => {
  Object.assign(server, answers);
  await expect(pages()).rejects.toThrow(NotProvided);
});

it("leaves a document to the parser where its job takes too long", async () => {
  server.job = [job("RUNNING")];
  await expect(pages({ jobMs: 50 })).rejects.toThrow(NotProvided);
});

it("stops when it is told to", async () => {
  server.job = [job("RUNNING")];
  const stop = new AbortController();
  const reading = pages({}, stop.signal);
  setTimeout(() => stop.abort("stopping"), 30);
  await expect(reading).rejects.toBe("stopping");
});

it("is for documents that are laid out on pages", async () => {
  expect([isProvided("application/pdf"), isProvided("application/hl7-v2"), isProvided(null)]).toEqual([
    true,
    false,
    false,
  ]);
});
