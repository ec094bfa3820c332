import { createHash, randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { expectWhole } from "../support/checks.js";
import { createGatewayFixture, type GatewayFixture, type Tenant } from "./support.js";

let g: GatewayFixture;
beforeAll(async () => {
  g = await createGatewayFixture();
});
afterAll(() => g?.destroy());

const hash = (text: string) => createHash("sha256").update(text).digest("hex");
const put = (url: string, body: string) =>
  fetch(url, { method: "PUT", body, headers: { "content-type": "application/octet-stream" } });

async function places(tenant: Tenant, count: number): Promise<{ path: string; url: string }[]> {
  const { status, body } = await g.call("/v1/uploads", { key: tenant.key, method: "POST", json: { count } });
  expect(status).toBe(201);
  return body.uploads;
}
async function batchOf(tenant: Tenant): Promise<string> {
  return (await g.call("/v1/batches", { key: tenant.key, method: "POST", json: { name: "bulk" } })).body.id;
}
const name = (tenant: Tenant, batch: string, lines: object[] | string, headers: Record<string, string> = {}) =>
  g.call(`/v1/batches/${batch}/documents`, {
    key: tenant.key,
    method: "POST",
    body: typeof lines === "string" ? lines : lines.map((line) => JSON.stringify(line)).join("\n"),
    headers: { "content-type": "application/x-ndjson", ...headers },
  });

/** Files in Storage, each with the line that names it. */
async function stored(tenant: Tenant, texts: string[]) {
  const given = await places(tenant, texts.length);
  return Promise.all(
    texts.map(async (text, i) => {
      const { path, url } = given[i] as { path: string; url: string };
      expect((await put(url, text)).status).toBe(200);
      return { path, contentHash: hash(text), fileName: `${i}.txt`, url };
    }),
  );
}
const line = ({ url: _, ...rest }: Awaited<ReturnType<typeof stored>>[number]) => rest;

describe("a manifest", () => {
  it("takes in what lies in Storage, without the bytes passing through the gateway", async () => {
    const tenant = await g.newTenant();
    const services = await g.pipeline.start("parser", "chunker", "embedder", "supervisor");
    const batch = await batchOf(tenant);
    const files = await stored(
      tenant,
      [1, 2, 3].map((i) => `Note ${i}: lungs clear.`),
    );
    const { status, body } = await name(
      tenant,
      batch,
      files.map((file, i) => ({ ...line(file), externalId: `n-${i}`, tags: ["bulk"] })),
    );
    expect(status).toBe(202);
    expect(body.documents).toHaveLength(3);
    await expectWhole(g.pipeline, tenant.scope, 3);
    const { body: document } = await g.call(`/v1/documents/${body.documents[1].id}`, { key: tenant.key });
    expect(document).toMatchObject({
      status: "vectorized",
      externalId: "n-1",
      fileName: "1.txt",
      tags: ["bulk"],
      batchId: batch,
      byteLength: 20,
      contentHash: files[1]?.contentHash,
    });
    for (const service of services) await g.pipeline.stop(service);
  });

  it("is answered with what is there when it is sent again, whose bytes stay", async () => {
    const tenant = await g.newTenant();
    const batch = await batchOf(tenant);
    const lines = (await stored(tenant, ["Once."])).map(line);
    const first = await name(tenant, batch, lines);
    const again = await name(tenant, batch, lines);
    expect(again.body.documents[0]).toMatchObject({
      id: first.body.documents[0].id,
      duplicateOf: first.body.documents[0].id,
    });
    const { objectPath } = await g.pipeline.store.reading
      .original(tenant.scope, first.body.documents[0].id)
      .catch(() => ({ objectPath: lines[0]?.path ?? "" }));
    expect(objectPath).toBe(lines[0]?.path);
    const kept = await g.pipeline.store.objects.download(objectPath);
    expect((await kept.toArray()).join("")).toBe("Once.");
    const key = randomUUID();
    const replayed = [
      await name(tenant, batch, lines, { "idempotency-key": key }),
      await name(tenant, batch, lines, { "idempotency-key": key }),
    ];
    expect(replayed[1]?.headers.get("idempotent-replay")).toBe("true");
  });

  it("does not make two documents of one file", async () => {
    const tenant = await g.newTenant();
    const batch = await batchOf(tenant);
    const [file] = (await stored(tenant, ["Shared."])).map(line);
    const both = await name(tenant, batch, [
      { ...file, externalId: "a" },
      { ...file, externalId: "b" },
    ]);
    expect(both.body.documents.map((each: { problem?: { code: string } }) => each.problem?.code)).toEqual([
      undefined,
      "upload_taken",
    ]);
    const later = await name(tenant, batch, [{ ...file, externalId: "c" }]);
    expect(later).toMatchObject({ status: 409, body: { code: "upload_taken" } });
  });

  it("takes in nothing that is not there, or was not given to the organization", async () => {
    const [tenant, thief] = [await g.newTenant(), await g.newTenant()];
    const [file] = (await stored(tenant, ["Mine."])).map(line);
    const [empty] = await places(tenant, 1);
    const contentHash = hash("x");
    const ours = await name(tenant, await batchOf(tenant), [
      { path: empty?.path, contentHash },
      { path: "../secret", contentHash },
    ]);
    expect(ours.status).toBe(404);
    expect(ours.body.documents.map((each: { problem: { code: string } }) => each.problem.code)).toEqual([
      "upload_missing",
      "upload_missing",
    ]);
    expect(await name(thief, await batchOf(thief), [file as object])).toMatchObject({
      status: 404,
      body: { code: "upload_missing" },
    });
    expect((await name(tenant, await batchOf(thief), [file as object])).body.documents[0].problem.code).toBe(
      "not_found",
    );
  });

  it("forgets a path after three hours, unless it was taken", async () => {
    const tenant = await g.newTenant();
    const batch = await batchOf(tenant);
    const lines = (await stored(tenant, ["Early.", "Late."])).map(line);
    await name(tenant, batch, lines.slice(0, 1));
    await g.pipeline.supabase.exec("update sluice.uploads set requested_at = requested_at - interval '3 hours'");
    const { body } = await name(tenant, batch, lines);
    expect(body.documents).toMatchObject([
      { duplicateOf: expect.any(String) },
      { problem: { code: "upload_missing" } },
    ]);
  });

  it.each([
    ["no lines", "", 400, "request_invalid"],
    ["a line that is no JSON", '{"path":"a"\n', 400, "json_malformed"],
    ["a hash that is none", '{"path":"a","contentHash":"b"}', 400, "request_invalid"],
    ["an unknown field", `{"path":"a","contentHash":"${"0".repeat(64)}","size":1}`, 400, "request_invalid"],
    ["too many lines", `{"path":"a","contentHash":"${"0".repeat(64)}"}\n`.repeat(1_001), 400, "request_invalid"],
  ])("refuses %s", async (_, text, status, code) => {
    expect(await name(g.tenant, await batchOf(g.tenant), text)).toMatchObject({ status, body: { code } });
  });

  it("refuses another type, and a link that was used", async () => {
    const batch = await batchOf(g.tenant);
    expect((await name(g.tenant, batch, "[]", { "content-type": "application/json" })).status).toBe(415);
    const [file] = await stored(g.tenant, ["First."]);
    expect((await put(file?.url ?? "", "Second.")).status).toBe(400);
  });
});

it("makes a dead letter of a file whose hash is not what was said", async () => {
  const tenant = await g.newTenant();
  const [file] = (await stored(tenant, ["What I am."])).map(line);
  const services = await g.pipeline.start("parser", "supervisor");
  const { body } = await name(tenant, await batchOf(tenant), [{ ...file, contentHash: hash("What I said I was.") }]);
  await g.pipeline.drain(tenant.scope);
  const { body: document } = await g.call(`/v1/documents/${body.documents[0].id}`, { key: tenant.key });
  expect(document).toMatchObject({ status: "failed", error: { code: "original_altered" } });
  for (const service of services) await g.pipeline.stop(service);
});
