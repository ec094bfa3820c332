import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, it } from "@jest/globals";
import { startTestSupabase, type TestSupabase } from "@sluice/local";
import { allScopes, createStore, type Scope, type Store } from "@sluice/store";
import { createClient, type SupabaseClient } from "@supabase/supabase-js";
import WebSocket from "ws";

/** What somebody tries who has the publishable key, or has stolen the token of a viewer of one organization, against another one. */
let supabase: TestSupabase;
let store: Store;
let victim: Scope;
let documentId: string;
let objectPath: string;
let attackers: { name: string; client: SupabaseClient; headers: Record<string, string> }[];

const connect = (key: string) =>
  createClient(supabase.url, key, {
    auth: { persistSession: false, autoRefreshToken: false },
    realtime: { transport: WebSocket as never },
  });

beforeAll(async () => {
  supabase = await startTestSupabase();
  store = createStore({ url: supabase.url, secretKey: supabase.secretKey });
  const { id: organizationId } = await store.tenancy.createOrganization({ name: "Canary Hospital" });
  const { id } = await store.apiKeys.asOperator.create({ organizationId, name: "key", scopes: allScopes });
  victim = { organizationId, caller: { kind: "api_key", id } };
  objectPath = `${organizationId}/${randomUUID()}`;
  await connect(supabase.secretKey).storage.from("originals").upload(objectPath, Buffer.from("canary content"));
  const file = { objectPath, contentHash: "c", byteLength: 14, declaredType: null, mediaType: null };
  const [accepted] = await store.intake.accept(victim, [{ ...file, fileName: "canary.txt" }], 1);
  if (accepted === undefined || !("documentId" in accepted)) throw new Error("not accepted");
  documentId = accepted.documentId;

  const viewer = connect(supabase.publishableKey);
  const { data } = await viewer.auth.signUp({ email: "viewer@example.org", password: "correct horse battery" });
  const own = await store.tenancy.createOrganization({ name: "own" });
  await store.tenancy.setMember(own.id, data.user?.id ?? "", "viewer");
  const apikey = supabase.publishableKey;
  attackers = [
    { name: "the publishable key", client: connect(apikey), headers: { apikey } },
    {
      name: "a viewer's token",
      client: viewer,
      headers: { apikey, authorization: `Bearer ${data.session?.access_token}` },
    },
  ];
});
afterAll(() => supabase?.destroy());

it("no function answers, whoever is named as its caller", async () => {
  const functions = await supabase.query<{ name: string; args: string[]; types: string[] }>(
    `select p.proname as name, coalesce(p.proargnames, '{}') as args, array(select format_type(t, null) from unnest(p.proargtypes) t) as types
     from pg_proc p where p.pronamespace = 'public'::regnamespace and p.proname like 'sluice\\_%'`,
  );
  expect(functions.length).toBeGreaterThan(100);
  const values: Record<string, unknown> = {
    uuid: documentId,
    jsonb: {},
    integer: 1,
    bigint: 1,
    text: "x",
    boolean: true,
  };
  const before = await supabase.query("select count(*) from sluice.audit_log");
  for (const { name, client } of attackers) {
    for (const fn of functions) {
      const given = fn.types.map((type, i) => [fn.args[i], values[type] ?? null]);
      const args = { ...Object.fromEntries(given), ...named(fn.args) };
      const { data, error } = await client.rpc(fn.name, args);
      expect({ name, fn: fn.name, data, code: error?.code }).toEqual({ name, fn: fn.name, data: null, code: "42501" });
      const got = await client.rpc(fn.name, args, { get: true });
      expect({ name, fn: fn.name, data: got.data, refused: got.error !== null }).toMatchObject({
        data: null,
        refused: true,
      });
    }
  }
  expect(await supabase.query("select count(*) from sluice.audit_log")).toEqual(before);
});
/** The victim's own organization and key, where a function takes such. */
function named(args: string[]): Record<string, unknown> {
  return {
    ...(args.includes("p_organization") ? { p_organization: victim.organizationId } : {}),
    ...(args.includes("p_caller") ? { p_caller: victim.caller } : {}),
  };
}

it("no table answers: not by name, through a join, a filter of another table, or another schema", async () => {
  for (const { name, client } of attackers) {
    const tries = [
      client.from("documents").select("*, ingestions(*), chunks(*)"),
      client.from("organizations").select("id, name, memberships!inner(user_id)").eq("memberships.role", "owner"),
      client
        .from("ingestions")
        .select("id, documents!inner(organization_id)")
        .eq("documents.organization_id", victim.organizationId),
      client.from("chunks").select("text").or(`organization_id.eq.${victim.organizationId},id.not.is.null`),
      client.from("sluice.documents").select("*"),
      client
        .from("api_keys")
        .update({ scopes: ["admin"] })
        .neq("id", randomUUID()),
      client
        .from("memberships")
        .upsert({ organization_id: victim.organizationId, user_id: randomUUID(), role: "owner" }),
      client.from("audit_log").delete().neq("id", 0),
      ...["sluice", "auth", "storage", "extensions", "pg_catalog", "information_schema"].flatMap((schema) => [
        client.schema(schema).from("users").select("*"),
        client.schema(schema).from("documents").select("*"),
        client.schema(schema).from("objects").select("*"),
        client.schema(schema).rpc("authorize", {}),
      ]),
    ];
    for (const [i, attempt] of tries.entries()) {
      const { data, error } = await attempt;
      expect({ name, i, data, refused: error !== null }).toEqual({ name, i, data: null, refused: true });
    }
  }
  expect(await supabase.query("select 1 from sluice.memberships where role = 'owner'")).toEqual([]);
});

it("no stored file is had, by whatever way its path is written", async () => {
  const last = objectPath.split("/")[1];
  const paths = [
    objectPath,
    `x/../${objectPath}`,
    `../originals/${objectPath}`,
    `..%2foriginals%2f${objectPath}`,
    `%2e%2e/originals/${objectPath}`,
    `%252e%252e%252f${objectPath}`,
    objectPath.replace("/", "%2F"),
    objectPath.replace("/", "//"),
    `${victim.organizationId}/./${last}`,
    `${objectPath}%00`,
    `${objectPath}?download=`,
    `..\\originals\\${objectPath}`,
  ];
  const routes = ["", "public/", "authenticated/", "info/", "info/public/", "sign/", "upload/sign/"];
  for (const { name, client, headers } of attackers) {
    for (const path of paths) {
      for (const route of routes) {
        const url = `${supabase.url}/storage/v1/object/${route}originals/${path}`;
        const response = await fetch(url, { headers });
        const text = await response.text();
        expect({ name, route, path, ok: response.ok }).toEqual({ name, route, path, ok: false });
        expect(text).not.toContain("canary");
      }
      const bucket = client.storage.from("originals");
      for (const { data } of [await bucket.download(path), await bucket.createSignedUrl(path, 60)])
        expect(data).toBeNull();
      expect((await bucket.copy(objectPath, `${randomUUID()}/copy`)).error).not.toBeNull();
    }
  }
  const kept = await connect(supabase.secretKey).storage.from("originals").download(objectPath);
  expect(await kept.data?.text()).toBe("canary content");
});

it("a signed link is good for its file and its time alone", async () => {
  const owner = connect(supabase.secretKey).storage.from("originals");
  const other = `${victim.organizationId}/${randomUUID()}`;
  await owner.upload(other, Buffer.from("another canary"));
  const url = await store.objects.signedUrl(objectPath, 1);
  const lasting = new URL(await store.objects.signedUrl(objectPath, 600));
  expect(await (await fetch(lasting)).text()).toBe("canary content");
  const elsewhere = new URL(lasting);
  elsewhere.pathname = elsewhere.pathname.replace(objectPath, other);
  const [head, body, signature] = (lasting.searchParams.get("token") ?? "").split(".");
  const claims = JSON.parse(Buffer.from(body ?? "", "base64url").toString());
  const changed = (more: object) => Buffer.from(JSON.stringify({ ...claims, ...more })).toString("base64url");
  const none = Buffer.from(JSON.stringify({ alg: "none" })).toString("base64url");
  for (const token of [
    "",
    `${head}.${changed({ exp: 9_999_999_999 })}.${signature}`,
    `${head}.${changed({ url: `originals/${other}` })}.${signature}`,
    `${none}.${body}.`,
  ]) {
    const forged = new URL(lasting);
    forged.searchParams.set("token", token);
    expect((await fetch(forged)).ok).toBe(false);
  }
  const moved = await fetch(elsewhere);
  expect({ ok: moved.ok, text: await moved.text() }).toMatchObject({ ok: false });
  // It ends by itself.
  for (;;) {
    const response = await fetch(url);
    await response.body?.cancel();
    if (!response.ok) break;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
});
