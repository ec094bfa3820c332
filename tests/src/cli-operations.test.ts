import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "@jest/globals";
import { createGatewayFixture, type GatewayFixture, type Tenant } from "./gateway/support.js";
import { take } from "./support/by-hand.js";
import { sluice } from "./support/cli.js";

let g: GatewayFixture;
let base: string;
beforeAll(async () => {
  g = await createGatewayFixture();
  base = await mkdtemp(join(tmpdir(), "sluice-cli-"));
});
afterAll(async () => {
  await g?.destroy();
  await rm(base, { recursive: true, force: true });
});

const as = (tenant: Tenant) => (args: string[]) =>
  sluice(base, args, { env: { SLUICE_URL: `http://127.0.0.1:${g.gateway.port}`, SLUICE_API_KEY: tenant.key } });

async function submit(
  tenant: Tenant,
  fields: Record<string, string> = {},
): Promise<{ id: string; ingestionId: string }> {
  const { body } = await g.upload([{ bytes: randomUUID() }], fields, { key: tenant.key });
  return body.documents[0];
}
async function fail(tenant: Tenant, { ingestionId }: { ingestionId: string }, code: string): Promise<void> {
  const { organizationId } = tenant.scope;
  const task = await take(g.pipeline, "parse", { organizationId, ingestionId, generation: 1 }, "w", { version: "4" });
  await g.pipeline.store.work.fail(task, "w", { code, maxAttempts: 1, delayMs: 0, durationMs: 7 });
}

it("lists dead letters, replays them by what they have in common, and gives them up", async () => {
  const tenant = await g.newTenant();
  const run = as(tenant);
  expect((await run(["dead-letters", "ls"])).stdout).toContain("no dead letters");
  const [corrupt, empty] = [await submit(tenant), await submit(tenant)];
  await fail(tenant, corrupt, "document_corrupt");
  await fail(tenant, empty, "document_empty");

  const listed = await run(["dead-letters", "ls"]);
  expect(listed.stdout).toContain(corrupt.ingestionId);
  expect(listed.stdout).toContain("document_empty: The document holds no text.");
  const json = JSON.parse((await run(["dead-letters", "ls", "--code", "document_empty", "--json"])).stdout);
  expect(json).toMatchObject([{ ingestionId: empty.ingestionId, tries: [{ worker: "w" }] }]);
  expect((await run(["dead-letters", "ls", "--older-than", "1h"])).stdout).toContain("no dead letters");

  expect((await run(["dead-letters", "replay"])).code).toBe(2);
  expect((await run(["dead-letters", "replay", corrupt.ingestionId, "--all", "--code", "x"])).code).toBe(2);
  expect((await run(["dead-letters", "replay", "--code", "document_corrupt", "--under", "4"])).stdout).toBe(
    "replayed 1\n",
  );
  const again = await run(["dead-letters", "replay", corrupt.ingestionId]);
  expect(again).toMatchObject({ code: 1, stdout: "replayed 0\n" });
  expect((await run(["dead-letters", "discard", "--all"])).code).toBe(2);
  expect((await run(["dead-letters", "discard", "--all", "--reason", "No use"])).stdout).toBe("discarded 1\n");
  expect((await run(["dead-letters", "ls", "--state", "discarded"])).stdout).toContain(empty.ingestionId);
});

it("tells why a document is where it is", async () => {
  const tenant = await g.newTenant();
  const document = await submit(tenant);
  await fail(tenant, document, "document_encrypted");
  const { stdout, code } = await as(tenant)(["why", document.id]);
  expect(code).toBe(0);
  expect(stdout).toMatch(/Accepted: it is durable from here on\.\n.*Given up at parsing by w, 1 try\./);
  expect(stdout).toMatch(/Now: It failed: The document is protected by a password\.\n.*dead-letters replay/);
  expect((await as(tenant)(["why", randomUUID()])).code).toBe(1);
});

it("pauses queues and lets them go on", async () => {
  const tenant = await g.newTenant();
  const run = as(tenant);
  await submit(tenant);
  expect((await run(["queues"])).stdout).toMatch(/parse\s+1\s+1\s+open/);
  expect((await run(["queues", "pause", "parse"])).stdout).toMatch(
    /parse\s+1\s+1\s+stage_paused \(this organization\)/,
  );
  expect((await run(["queues", "resume"])).stdout).toMatch(/parse\s+1\s+1\s+open/);
  expect((await run(["queues", "pause", "wash"])).code).toBe(2);
});

it("shows a batch, and seals, pauses, retries and cancels it", async () => {
  const tenant = await g.newTenant();
  const run = as(tenant);
  const { body: batch } = await g.call("/v1/batches", { key: tenant.key, method: "POST", json: { name: "Archive" } });
  const document = await submit(tenant, { batchId: batch.id });
  await fail(tenant, document, "document_corrupt");
  const shown = await run(["batch", "show", batch.id]);
  expect(shown.code).toBe(1);
  expect(shown.stdout).toMatch(/Archive\s+open\s+1\s+0\s+0\s+1/);
  expect((await run(["batch", "retry", batch.id])).stdout).toMatch(/Archive\s+open\s+1\s+1\s+0\s+0/);
  expect((await run(["batch", "pause", batch.id])).stdout).toContain("paused");
  expect((await run(["batch", "resume", batch.id])).stdout).toContain("open");
  expect((await run(["batch", "seal", batch.id, "--expected", "3"])).stdout).toContain(
    "2 of the 3 expected are missing",
  );
  expect((await run(["batch", "cancel", batch.id])).stdout).toMatch(/complete\s+1\s+0/);
  expect((await run(["batch", "ls"])).stdout).toContain(batch.id);
});

it("reprocesses what is final", async () => {
  const tenant = await g.newTenant();
  const document = await submit(tenant);
  const early = await as(tenant)(["reprocess", document.id]);
  expect(early).toMatchObject({ code: 1, stderr: expect.stringContaining("document_in_progress") });
  await fail(tenant, document, "document_corrupt");
  expect((await as(tenant)(["reprocess", document.id])).stdout).toContain("revision 2 is uploaded");
});

it("names whom to tell", async () => {
  const run = as(await g.newTenant());
  expect((await run(["webhooks", "ls"])).stdout).toBe("no webhooks\n");
  const added = await run(["webhooks", "add", "https://example.org/hook", "--events", "batch.completed"]);
  expect(added.stdout).toMatch(/^whsec_[\w+/]{43}=\n$/);
  const listed = await run(["webhooks", "ls", "--json"]);
  const [{ id }] = JSON.parse(listed.stdout);
  expect(listed.stdout).not.toContain("whsec_");
  expect((await run(["webhooks", "deliveries", id])).stdout).toBe("nothing yet\n");
  expect((await run(["webhooks", "redeliver", randomUUID()])).code).toBe(1);
  expect((await run(["webhooks", "rm", id])).stdout).toBe(`removed ${id}\n`);
  expect(await run(["webhooks", "add", "http://localhost/"])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("webhook_target_refused"),
  });
});

it("shows what embedding costs, and sets what it may", async () => {
  const tenant = await g.newTenant();
  const run = as(tenant);
  expect((await run(["usage"])).stdout).toMatch(/nothing used yet[\s\S]*no budget/);
  await g.pipeline.supabase.query("select sluice.book($1, 'openai', 'text-embedding-3-small', 10, 100000000, 5)", [
    tenant.scope.organizationId,
  ]);
  expect((await run(["usage"])).stdout).toMatch(/openai\/text-embedding-3-small\s+1\s+100000000\s+\$2\.00/);
  expect((await run(["budget", "set", "--usd", "2.20"])).stdout).toMatch(
    /budget \$2\.20 a month: \$2\.00 .*near its end/,
  );
  expect((await run(["budget", "set", "--usd", "1"])).stdout).toContain("USED UP");
  expect(JSON.parse((await run(["budget", "--json"])).stdout)).toMatchObject({ usd: 1, state: "exhausted" });
  expect((await run(["budget", "set", "--usd", "none"])).stdout).toContain("no budget");
  expect((await run(["budget", "set", "--usd", "lots"])).code).toBe(2);
});
