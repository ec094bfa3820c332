import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, it } from "@jest/globals";
import { z } from "zod";
import { createRpc, type Rpc } from "./rpc.js";

let answer: { status: number; body: string };
const server = createServer((_request, response) => {
  response.writeHead(answer.status, { "content-type": "application/json" });
  response.end(answer.body);
});
let rpc: Rpc;
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  rpc = createRpc({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, secretKey: "sb_secret_x" });
});
afterAll(() => void server.close());

it.each([
  ["a proxy's page", 500, "<h1>Internal Server Error</h1>", "database_unavailable"],
  ["a proxy without a page", 500, "", "database_unavailable"],
  ["a gateway's 503", 503, "{}", "database_unavailable"],
  ["a deadlock", 500, '{"code":"40P01","message":"deadlock detected"}', "database_unavailable"],
  ["PostgREST without its database", 503, '{"code":"PGRST001","message":"…"}', "database_unavailable"],
  ["a fault of ours", 500, '{"code":"XX000","message":"…"}', "internal_error"],
  ["a call that can't be", 404, '{"code":"PGRST202","message":"…"}', "internal_error"],
])("takes %s for what it is", async (_, status, body, code) => {
  answer = { status, body };
  await expect(rpc.call("sluice_stats", {}, z.unknown())).rejects.toMatchObject({ code });
});
