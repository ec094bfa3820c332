import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, it } from "@jest/globals";
import type { Scope } from "@sluice/store";
import { until } from "./support/checks.js";
import { createPipeline, type Pipeline } from "./support/pipeline.js";

// PDFs by way of LlamaParse: through the whole pipeline, through its outage, and without it where it declines.

let pipeline: Pipeline;
let scope: Scope;
let server: Server;
let uploads = 0;
/** What is answered to an upload. */
let status = 200;
const markdown = "# Findings\n\nThe hornbeam is normal.\n\n| Test | Value |\n|---|---|\n| Sodium | 140 |";

beforeAll(async () => {
  server = createServer((request, response) => {
    request.resume().on("end", () => {
      const isUpload = request.method === "POST";
      if (isUpload) uploads += 1;
      const body = isUpload
        ? { id: "pjb-1", status: "PENDING" }
        : {
            job: { id: "pjb-1", status: "COMPLETED" },
            markdown: { pages: [{ page_number: 1, markdown, success: true }] },
          };
      response.writeHead(isUpload ? status : 200, { "content-type": "application/json" }).end(JSON.stringify(body));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  pipeline = await createPipeline({
    PARSER_PROVIDER: "llamaparse",
    LLAMA_CLOUD_API_KEY: "llx-key",
    LLAMA_CLOUD_BASE_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
  });
  scope = await pipeline.organization();
  await pipeline.start("parser", "chunker", "embedder", "supervisor");
});
afterAll(async () => {
  await pipeline?.destroy();
  server?.closeAllConnections();
  await new Promise((resolve) => server?.close(resolve));
});

const pdf = { mediaType: "application/pdf", fileName: "report.pdf" };

it("makes what LlamaParse read searchable, tables and pages too", async () => {
  const { documentId } = await pipeline.submit(scope, "%PDF-1.7 one that only LlamaParse can read", pdf);
  await pipeline.drain(scope);
  expect(await pipeline.store.reading.document(scope, documentId)).toMatchObject({
    status: "vectorized",
    format: "provided",
    mediaType: "application/pdf",
    counts: { pages: 1, tables: 1 },
  });
  const tables = await pipeline.store.reading.derived(scope, documentId, "tables", { after: -1, limit: 10 });
  expect(tables).toMatchObject({
    items: [{ headerRows: 1, rows: [{ cells: ["Test", "Value"] }, { cells: ["Sodium", "140"] }] }],
  });
});

it("does not send what it reads better itself", async () => {
  const before = uploads;
  await pipeline.submit(scope, "A plain note.");
  await pipeline.drain(scope);
  expect(uploads).toBe(before);
});

it("waits through its outage without an attempt, and goes on", async () => {
  status = 503;
  const { documentId } = await pipeline.submit(scope, "%PDF-1.7 in the outage", pdf);
  await until(
    async () => (await pipeline.store.reading.document(scope, documentId)).waitingFor === "provider_unavailable",
  );
  expect(await pipeline.store.reading.document(scope, documentId)).toMatchObject({ status: "uploaded", attempts: 0 });
  status = 200;
  await pipeline.drain(scope);
  expect(await pipeline.store.reading.document(scope, documentId)).toMatchObject({ status: "vectorized" });
});

it("reads what it declines by itself, and says so", async () => {
  status = 422;
  const { documentId } = await pipeline.submit(scope, "%PDF-1.7 declined, and no PDF", pdf);
  await pipeline.drain(scope);
  expect(await pipeline.store.reading.document(scope, documentId)).toMatchObject({
    status: "failed",
    error: { code: "document_corrupt" },
  });
});
