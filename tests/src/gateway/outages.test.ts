import { afterAll, beforeAll, expect, it } from "@jest/globals";
import { createGatewayFixture, formOf, type GatewayFixture } from "./support.js";

let g: GatewayFixture;
beforeAll(async () => {
  g = await createGatewayFixture();
});
afterAll(() => g?.destroy());

it("takes documents in while Redis is down, and they are worked on when it is back", async () => {
  const { redis } = g.pipeline;
  await redis.stop();
  const { status, body } = await g.upload([{ bytes: "Taken in without Redis." }]);
  expect(status).toBe(202);
  const [{ id }] = body.documents;
  expect(await g.call("/readyz")).toMatchObject({
    status: 200,
    body: { status: "degraded", dependencies: { database: true, redis: false } },
  });
  expect(await g.gateway.ready()).toEqual({ database: true });
  expect((await g.call(`/v1/documents/${id}`)).body).toMatchObject({ status: "uploaded" });
  expect((await g.call(`/v1/documents/${id}`, { method: "DELETE" })).status).toBe(204);
});

it("says what is down when Supabase is, and takes nothing it can't keep", async () => {
  const { supabase } = g.pipeline;
  // Known to the gateway, so that the upload gets as far as Storage.
  await g.call("/v1/documents");
  await supabase.stop();
  const answers = await Promise.all([
    g.call("/v1/documents", { body: formOf([{ bytes: "Where would this go?" }]) }),
    g.call("/v1/documents", { body: formOf([{ bytes: "a" }, { bytes: "b" }]) }),
  ]);
  for (const answer of [
    ...answers,
    await g.call("/v1/documents"),
    await g.call("/v1/search", { json: { query: "x" } }),
  ]) {
    expect(answer.status).toBe(503);
    expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(answer.headers.get("content-type")).toContain("application/problem+json");
    expect(["storage_unavailable", "database_unavailable"]).toContain(answer.body.code);
  }
  expect(await g.call("/readyz")).toMatchObject({
    status: 503,
    body: { status: "unavailable", dependencies: { database: false } },
  });
  expect((await g.call("/healthz")).status).toBe(200);
});
