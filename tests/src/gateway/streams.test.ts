import { afterAll, beforeAll, expect, it } from "@jest/globals";
import type { Service } from "@sluice/runtime";
import { openStream, type StreamEvent } from "./sse.js";
import { createGatewayFixture, type GatewayFixture } from "./support.js";

let g: GatewayFixture;
beforeAll(async () => {
  g = await createGatewayFixture({ GATEWAY_STREAM_RECHECK_SECONDS: "1" });
});
afterAll(() => g?.destroy());

const upload = async (text: string, fields?: Record<string, string>) =>
  (await g.upload([{ bytes: text }], fields)).body.documents[0];
const open = (path: string, headers: Record<string, string> = {}, port = g.gateway.port) =>
  openStream(`http://127.0.0.1:${port}${path}`, { "x-api-key": g.tenant.key, ...headers });
/** What it has become, step by step; a busy machine may queue a step anew in between. */
const statuses = (events: StreamEvent[]) =>
  events.filter(({ event, data }) => event === "progress" && data.kind !== "requeued").map(({ data }) => data.status);
async function running<T>(run: () => Promise<T>): Promise<T> {
  const services: Service[] = await g.pipeline.start("parser", "chunker", "embedder", "supervisor");
  try {
    return await run();
  } finally {
    await Promise.all(services.map((service) => g.pipeline.stop(service)));
  }
}

it("tells a document's life as it happens, then ends", async () => {
  const { id, ingestionId } = await upload("A note that is watched.");
  const stream = await open(`/v1/documents/${id}/stream`);
  expect(await stream.next()).toMatchObject({ event: "status", data: { id, status: "uploaded" } });
  const events = await running(() => stream.until("end"));
  expect(statuses(events)).toEqual(["parsed", "chunked", "vectorized"]);
  expect(events[0]).toMatchObject({ id: expect.stringMatching(/^\d+\.\d+$/), data: { documentId: id, ingestionId } });
  expect(events.slice(-2)).toMatchObject([
    { event: "status", data: { status: "vectorized", activeRevision: 1 } },
    { event: "end", data: { reason: "finished" } },
  ]);
  expect(await stream.next()).toBeUndefined();
});

it("goes on after the event that was seen last, without a gap", async () => {
  const { id } = await upload("A note watched by somebody who goes away.");
  const first = await open(`/v1/documents/${id}/stream`);
  await first.next();
  await running(async () => {
    const seen = await first.until("progress");
    first.close();
    expect(statuses(seen)).toEqual(["parsed"]);
    await g.pipeline.drain(g.tenant.scope);
    const second = await open(`/v1/documents/${id}/stream`, { "last-event-id": seen.at(-1)?.id ?? "" });
    const events = await second.until("end");
    expect(events[0]).toMatchObject({ event: "status", data: { status: "vectorized" } });
    expect(statuses(events)).toEqual(["chunked", "vectorized"]);
  });
});

it("ends at once for what is final, and for what is deleted meanwhile", async () => {
  const { id } = await upload("A note that will go.");
  const stream = await open(`/v1/documents/${id}/stream`);
  await stream.next();
  const [first] = await g.pipeline.store.reading.events(g.tenant.scope, id, null, 1);
  await g.call(`/v1/documents/${id}`, { method: "DELETE" });
  expect((await stream.until("end")).map(({ event, data }) => [event, data.status ?? data.reason])).toEqual([
    ["progress", "deleted"],
    ["end", "deleted"],
  ]);
  expect((await open(`/v1/documents/${id}/stream`)).status).toBe(404);
  const back = await open(`/v1/documents/${id}/stream`, { "last-event-id": `${first?.xid}.${first?.id}` });
  expect((await back.until("end")).map(({ event }) => event)).toEqual(["progress", "end"]);
});

it("tells a batch's progress until it is complete", async () => {
  const batch = (await g.call("/v1/batches", { json: { name: "watched" } })).body;
  const stream = await open(`/v1/batches/${batch.id}/stream`);
  expect(await stream.next()).toMatchObject({ event: "status", data: { id: batch.id, submitted: 0 } });
  const events = await running(async () => {
    for (let i = 0; i < 3; i++) await upload(`watched in a batch ${i}`, { batchId: batch.id });
    await g.call(`/v1/batches/${batch.id}/seal`, { json: { expected: 3 } });
    return stream.until("end");
  });
  expect(events.at(-1)).toMatchObject({ data: { reason: "finished" } });
  expect(events.at(-2)).toMatchObject({ event: "status", data: { complete: true, counts: { vectorized: 3 } } });
  expect(statuses(events).filter((status) => status === "vectorized")).toHaveLength(3);
  const late = await open(`/v1/batches/${batch.id}/stream`);
  expect((await late.until("end")).map(({ event }) => event)).toEqual(["status", "end"]);
});

it("keeps other organizations' events to them", async () => {
  const other = await g.newTenant();
  const { id } = await upload("Nobody else's.");
  expect((await open(`/v1/documents/${id}/stream`, { "x-api-key": other.key })).status).toBe(404);
});

it("ends for a key that was revoked", async () => {
  const { id } = await upload("Watched with a key that is taken away.");
  const { key, keyId, scope } = await g.newTenant(["documents:read"], g.tenant.scope.organizationId);
  const stream = await open(`/v1/documents/${id}/stream`, { "x-api-key": key });
  await stream.next();
  await g.pipeline.store.apiKeys.asOperator.revoke(scope.organizationId, keyId);
  expect((await stream.until("end")).at(-1)).toMatchObject({ data: { reason: "refused" } });
});

it("tells its readers when it stops", async () => {
  const { id } = await upload("Watched while the gateway stops.");
  const gateway = await g.newGateway();
  const stream = await open(`/v1/documents/${id}/stream`, {}, gateway.port);
  await stream.next();
  await gateway.destroy();
  expect((await stream.until("end")).at(-1)).toMatchObject({ data: { reason: "stopping" } });
});
