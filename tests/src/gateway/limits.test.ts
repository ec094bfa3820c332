import { afterAll, beforeAll, expect, it } from "@jest/globals";
import { createGatewayFixture, type GatewayFixture } from "./support.js";

const env = {
  RATE_LIMIT_KEY: "5",
  RATE_LIMIT_ADDRESS: "1000",
  RATE_LIMIT_REFUSED_COST: "300",
  TRUST_PROXY: "loopback",
};
let g: GatewayFixture;
beforeAll(async () => {
  g = await createGatewayFixture(env);
});
afterAll(() => g?.destroy());

const from = (address: string) => ({ "x-forwarded-for": address });

it("counts a key's requests over all gateways, says what is left, and refuses what is too much", async () => {
  const [tenant, other, second] = [await g.newTenant(), await g.newTenant(), await g.newGateway()];
  const me = (port = g.gateway.port, key = tenant.key) => g.call(`http://127.0.0.1:${port}/v1/me`, { key });
  const first = await me();
  expect(first.status).toBe(200);
  expect(first.headers.get("ratelimit-policy")).toBe('"address";q=1000;w=60, "key";q=5;w=60');
  expect(first.headers.get("ratelimit")).toMatch(/^"address";r=\d+;t=\d+, "key";r=4;t=\d+$/);
  for (let i = 0; i < 2; i++) for (const { port } of [g.gateway, second]) expect((await me(port)).status).toBe(200);
  for (const { port } of [g.gateway, second]) {
    const refused = await me(port);
    expect(refused).toMatchObject({
      status: 429,
      body: { code: "rate_limited", type: "urn:sluice:problem:rate_limited" },
    });
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
    expect(refused.headers.get("ratelimit")).toContain('"key";r=0;');
  }
  expect((await me(g.gateway.port, other.key)).status).toBe(200);
});

it("ends the guessing of credentials from an address, and of all of its IPv6 network; others go on", async () => {
  const tenant = await g.newTenant();
  const guess = (address: string) => g.call("/v1/me", { key: `slc_${"y".repeat(43)}`, headers: from(address) });
  const statuses = [];
  for (let i = 1; i <= 5; i++) statuses.push((await guess(`2001:db8:1:2::${i}`)).status);
  expect(statuses).toEqual([401, 401, 401, 401, 429]);
  expect((await g.call("/v1/me", { key: tenant.key, headers: from("2001:db8:1:2:ffff::9") })).status).toBe(429);
  expect((await g.call("/v1/me", { key: tenant.key, headers: from("2001:db8:1:3::1") })).status).toBe(200);
});

it("never refuses to say how it is", async () => {
  const address = from("192.0.2.7");
  for (let i = 0; i < 5; i++) await g.call("/v1/me", { key: `slc_${"z".repeat(43)}`, headers: address });
  expect((await g.call("/v1/me", { key: null, headers: address })).status).toBe(429);
  for (const path of ["/healthz", "/readyz", "/metrics"])
    expect((await g.call(path, { key: null, headers: address })).status).toBe(200);
});

it("goes on counting while Redis is away", async () => {
  const tenant = await g.newTenant();
  await g.pipeline.redis.stop();
  const statuses = [];
  for (let i = 0; i < 7; i++) statuses.push((await g.call("/v1/me", { key: tenant.key })).status);
  expect(statuses).toEqual([200, 200, 200, 200, 200, 429, 429]);
});
