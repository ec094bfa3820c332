import { createHmac } from "node:crypto";
import { once } from "node:events";
import { connect } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { connectPostgres } from "@sluice/store";
import { startTestSupabase, type TestSupabase } from "../testing.js";

let supabase: TestSupabase;

beforeAll(async () => {
  supabase = await startTestSupabase({ sqlIdleMs: 3_000 });
  await supabase.exec(`
    create table public.notes (id int primary key);
    grant all on public.notes to service_role;
    create function public.take_note(id int) returns int language plpgsql as $$
    begin
      insert into notes values (take_note.id);
      if take_note.id % 10 = 0 then perform 1 / 0; end if;
      return take_note.id;
    end $$;
    create function public.whoami() returns jsonb language sql as $$
      select jsonb_build_object('role', current_setting('role'), 'path', current_setting('search_path'), 'claims', current_setting('request.jwt.claims', true))
    $$;`);
  // Functions made after the first request are seen after a restart.
  await supabase.restart();
});
afterAll(() => supabase.destroy());

async function rpc(name: string, args: object, key = supabase.secretKey): Promise<{ status: number; body: unknown }> {
  const response = await fetch(`${supabase.url}/rest/v1/rpc/${name}`, {
    method: "POST",
    headers: { apikey: key, "content-type": "application/json" },
    body: JSON.stringify(args),
  });
  return { status: response.status, body: await response.json() };
}
const count = async (condition: string) =>
  (await supabase.query<{ n: number }>(`select count(*)::int as n from notes where ${condition}`))[0]?.n;

test("what was acknowledged is there after SIGKILL", async () => {
  expect((await rpc("take_note", { id: 1 })).status).toBe(200);
  await supabase.restart();
  expect(await count("id = 1")).toBe(1);
  expect((await rpc("take_note", { id: 1 })).status).toBe(409);
});

test("without the secret key our functions are refused", async () => {
  const args = { p_after: null, p_limit: 1 };
  expect((await rpc("sluice_list_organizations", args)).status).toBe(200);
  expect(await rpc("sluice_list_organizations", args, supabase.publishableKey)).toMatchObject({
    status: 401,
    body: { code: "42501" },
  });
  expect((await rpc("sluice_list_organizations", args, "sb_secret_wrong")).status).toBe(401);
});

test("tells nothing of itself without a key", async () => {
  for (const path of ["", "_system/config", "_system/introspect", "rest/v1/notes", "auth/v1/user"])
    expect((await fetch(`${supabase.url}/${path}`)).ok).toBe(false);
});

test("whoever signs up is in, with a token of ours", async () => {
  const response = await fetch(`${supabase.url}/auth/v1/signup`, {
    method: "POST",
    headers: { apikey: supabase.publishableKey, "content-type": "application/json" },
    body: JSON.stringify({ email: "nurse@example.org", password: "correct horse battery" }),
  });
  const { access_token: token } = (await response.json()) as { access_token: string };
  const [head, body, signature] = token.split(".");
  expect(createHmac("sha256", supabase.jwtSecret).update(`${head}.${body}`).digest("base64url")).toBe(signature);
});

test("every call has its caller's role and claims, and they end with it", async () => {
  const asked = await Promise.all(
    Array.from({ length: 40 }, (_, i) => rpc("whoami", {}, i % 2 ? supabase.publishableKey : supabase.secretKey)),
  );
  for (const [i, { body }] of asked.entries()) {
    const { role, claims } = body as { role: string; claims: string };
    expect(role).toBe(i % 2 ? "anon" : "service_role");
    expect(JSON.parse(claims)).toMatchObject({ role });
  }
  expect(await supabase.query("select current_setting('role') as role")).toEqual([{ role: "none" }]);
});

test("requests and transactions over the SQL socket never mix: a failure or a rollback undoes its own work only", async () => {
  const client = await connectPostgres(supabase.databaseUrl);
  let busy = true;
  const overHttp = Promise.all(Array.from({ length: 200 }, (_, i) => rpc("take_note", { id: 1_001 + i }))).finally(
    () => {
      busy = false;
    },
  );
  let rounds = 0;
  do {
    await client.query("begin");
    await client.query("insert into notes values ($1)", [500_000 + rounds]);
    const [seen] = await client.query<{ n: number }>("select count(*)::int as n from notes where id >= 500000");
    expect(seen?.n).toBe(1);
    await client.query("rollback");
    rounds += 1;
  } while (busy);
  const answers = await overHttp;
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(180);
  expect(await count("id between 1001 and 1200")).toBe(180);
  expect(await count("id >= 500000")).toBe(0);
  await client.destroy();
});

test("an SQL client's settings are its own and last for its connection", async () => {
  const [one, other] = [await connectPostgres(supabase.databaseUrl), await connectPostgres(supabase.databaseUrl)];
  await one.exec("set search_path = pg_catalog; set role authenticated");
  expect((await rpc("whoami", {})).body).toMatchObject({ role: "service_role" });
  expect(await other.query("select current_user as name, current_setting('search_path') as path")).toEqual([
    { name: "postgres", path: "public" },
  ]);
  expect(await one.query("select current_user as name, current_setting('search_path') as path")).toEqual([
    { name: "authenticated", path: "pg_catalog" },
  ]);
  await one.destroy();
  await other.destroy();
});

test("many SQL clients at once get each their own answers", async () => {
  const clients = await Promise.all(Array.from({ length: 8 }, () => connectPostgres(supabase.databaseUrl)));
  await Promise.all(
    clients.map(async (client, c) => {
      for (let i = 0; i < 20; i++)
        expect(await client.query("select $1::int as v, repeat('x', $2) as t", [c * 100 + i, i * 1_000])).toEqual([
          { v: c * 100 + i, t: "x".repeat(i * 1_000) },
        ]);
      await expect(client.query("select 1/0")).rejects.toMatchObject({ code: "22012" });
    }),
  );
  await Promise.all(clients.map((client) => client.destroy()));
});

test("a transaction that is left open is rolled back and cut off, so that requests go on", async () => {
  const folder = new URL(supabase.databaseUrl.replace("@/", "@localhost/")).searchParams.get("host") ?? "";
  const socket = connect(join(folder, ".s.PGSQL.5432"));
  const closed = once(socket, "close");
  const received: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => received.push(chunk));
  const packet = (type: string, body: string) => {
    const length = Buffer.alloc(4);
    length.writeInt32BE(body.length + 4);
    return Buffer.concat([Buffer.from(type), length, Buffer.from(body)]);
  };
  socket.write(packet("", "\0\x03\0\0user\0postgres\0\0"));
  socket.write(packet("Q", "begin; insert into notes values (700000)\0"));
  await once(socket, "data");
  expect((await rpc("take_note", { id: 7 })).status).toBe(200);
  await closed;
  expect(Buffer.concat(received).toString()).toContain("25P03");
  expect(await count("id = 700000")).toBe(0);
});

test("answers at most 1,000 rows, as hosted Supabase does", async () => {
  await supabase.exec("insert into notes select g from generate_series(10001, 11001) g");
  const response = await fetch(`${supabase.url}/rest/v1/notes?id=gte.10001&select=id`, {
    headers: { apikey: supabase.secretKey },
  });
  expect(await response.json()).toHaveLength(1_000);
});
