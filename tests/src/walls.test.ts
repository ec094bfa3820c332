import { randomUUID } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { startTestSupabase, type TestSupabase } from "@sluice/local";
import { allScopes, applyMigrations, connectPostgres, createStore, migrationsFolder, type Store } from "@sluice/store";
import { createClient, type SupabaseClient } from "@supabase/supabase-js";
import WebSocket from "ws";

let supabase: TestSupabase;
let store: Store;
beforeAll(async () => {
  supabase = await startTestSupabase();
  store = createStore({ url: supabase.url, secretKey: supabase.secretKey });
});
afterAll(() => supabase?.destroy());

const client = (key: string): SupabaseClient =>
  createClient(supabase.url, key, {
    auth: { persistSession: false, autoRefreshToken: false },
    realtime: { transport: WebSocket as never },
  });
const outsiders = ["anon", "authenticated", "service_role", "public"];

/** Functions that serve the machinery across organizations. All others name the organization they act in. */
const system = [
  "sluice_accept_invitation",
  "sluice_acquire_lease",
  "sluice_audit_chain",
  "sluice_audit_loose",
  "sluice_audit_unsealed",
  "sluice_authenticate_key",
  "sluice_beat",
  "sluice_begin_stage",
  "sluice_breakers",
  "sluice_build_vector_index",
  "sluice_cancel_step",
  "sluice_check_session",
  "sluice_claim_reindex",
  "sluice_collect_deliveries",
  "sluice_count_attempt",
  "sluice_create_organization",
  "sluice_dispatch",
  "sluice_end_sessions",
  "sluice_events_since",
  "sluice_expire_deliveries",
  "sluice_expire_idempotency_keys",
  "sluice_expire_reservations",
  "sluice_expire_sessions",
  "sluice_expire_uploads",
  "sluice_find_api_keys",
  "sluice_find_vectors",
  "sluice_fold_tallies",
  "sluice_forgive_attempt",
  "sluice_hand_back",
  "sluice_heartbeat",
  "sluice_hold_reindex",
  "sluice_keep_vectors",
  "sluice_kept_models",
  "sluice_list_organizations",
  "sluice_memberships",
  "sluice_next_stranded",
  "sluice_note_failed_sign_in",
  "sluice_note_stranger",
  "sluice_objects_erased",
  "sluice_objects_to_erase",
  "sluice_obsolete_jobs",
  "sluice_open_session",
  "sluice_organizations_of",
  "sluice_orphaned_objects",
  "sluice_put_embeddings",
  "sluice_recount_state",
  "sluice_recount_step",
  "sluice_recount_tallies",
  "sluice_refused_callers",
  "sluice_register_model",
  "sluice_reindex_step",
  "sluice_release_embedding",
  "sluice_release_lease",
  "sluice_renew_leases",
  "sluice_requeue",
  "sluice_reserve_embedding",
  "sluice_seal_audit",
  "sluice_sessions",
  "sluice_settle_reindex",
  "sluice_settle_standings",
  "sluice_stats",
  "sluice_stranded",
  "sluice_sweep_parts",
  "sluice_take_deliveries",
  "sluice_vector_indexes",
  "sluice_vector_recall",
  "sluice_watch_failures",
];

interface Fn {
  name: string;
  definer: boolean;
  config: string[] | null;
  args: string[];
  types: string[];
  callers: string[];
}
const functions = () =>
  supabase.query<Fn>(
    `select p.proname as name, p.prosecdef as definer, p.proconfig as config, coalesce(p.proargnames, '{}') as args,
       array(select format_type(t, null) from unnest(p.proargtypes) t) as types,
       array(select r from unnest($1::text[]) r where case when r = 'public'
         then exists (select from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a where a.grantee = 0)
         else has_function_privilege(r, p.oid, 'execute') end) as callers
     from pg_proc p join pg_namespace n on n.oid = p.pronamespace
     where n.nspname = 'public' and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e') order by 1`,
    [outsiders],
  );

describe("the catalog", () => {
  it("has row-level security enabled and forced on every table, without a policy, and grants nobody anything", async () => {
    const tables = await supabase.query<{ name: string; walled: boolean; policies: number; grants: string[] }>(
      `select c.relname as name, c.relrowsecurity and c.relforcerowsecurity as walled,
         (select count(*)::integer from pg_policy where polrelid = c.oid) as policies,
         array(select a.grantee::regrole::text || ' ' || a.privilege_type
           from aclexplode(coalesce(c.relacl, acldefault(case c.relkind when 'S' then 's'::"char" else 'r'::"char" end, c.relowner))) a
           where a.grantee <> c.relowner) as grants
       from pg_class c join pg_namespace n on n.oid = c.relnamespace
       where n.nspname = 'sluice' and c.relkind in ('r', 'p', 'v', 'm') order by 1`,
    );
    expect(tables.length).toBeGreaterThan(20);
    expect(tables.filter((table) => !table.walled || table.policies > 0 || table.grants.length > 0)).toEqual([]);
    const [usage] = await supabase.query<{ roles: string[] }>(
      "select array(select r from unnest(array['anon', 'authenticated', 'service_role']) r where has_schema_privilege(r, 'sluice', 'usage')) as roles",
    );
    expect(usage).toEqual({ roles: [] });
  });

  it("exposes functions only, all of them ours, definer with a pinned path, for the secret key alone", async () => {
    const all = await functions();
    expect(all.length).toBeGreaterThan(40);
    for (const { name, definer, config, callers } of all) {
      expect({ name, definer, callers, pinned: config }).toEqual({
        name: expect.stringMatching(/^sluice_[a-z_]+$/),
        definer: true,
        callers: ["service_role"],
        pinned: expect.arrayContaining(["search_path=sluice, extensions, pg_temp"]),
      });
    }
    const exposed = await supabase.query(
      "select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = 'public' and c.relkind in ('r', 'p', 'v', 'm')",
    );
    expect(exposed).toEqual([]);
    const inner = await supabase.query(
      `select p.proname from pg_proc p join pg_namespace n on n.oid = p.pronamespace
       where n.nspname = 'sluice' and (p.prosecdef or has_function_privilege('anon', p.oid, 'execute') or has_function_privilege('authenticated', p.oid, 'execute'))`,
    );
    expect(inner).toEqual([]);
  });

  it("names the organization in every function but those of the machinery, which say so", async () => {
    const without = (await functions()).filter(({ args }) => !args.includes("p_organization")).map(({ name }) => name);
    expect(without).toEqual(system);
    const files = await readdir(migrationsFolder);
    const text = (await Promise.all(files.sort().map((file) => readFile(join(migrationsFolder, file), "utf8")))).join(
      "",
    );
    for (const name of system) {
      const [, comment] =
        new RegExp(`((?:^--.*\\n)+)create (?:or replace )?function public\\.${name}\\(`, "m").exec(text) ?? [];
      expect({ name, comment }).toEqual({ name, comment: expect.stringMatching(/^-- System\./) });
    }
  });
});

describe("a caller", () => {
  const kinds: Record<string, unknown> = {
    uuid: "00000000-0000-4000-8000-000000000000",
    integer: 1,
    bigint: 1,
    text: "chunks",
    jsonb: {},
    "text[]": [],
    "uuid[]": [],
    boolean: true,
    "timestamp with time zone": null,
  };

  it("is refused by every function where it has no standing, and the refusal is written down", async () => {
    const secret = client(supabase.secretKey);
    const { id: ours } = await store.tenancy.createOrganization({ name: "ours" });
    const { id: theirs } = await store.tenancy.createOrganization({ name: "theirs" });
    const key = async (organizationId: string, scopes: typeof allScopes | readonly []) =>
      (await store.apiKeys.asOperator.create({ organizationId, name: "key", scopes })).id;
    const revoked = await key(ours, allScopes);
    await store.apiKeys.asOperator.revoke(ours, revoked);
    const expired = await store.apiKeys.asOperator.create({
      organizationId: ours,
      name: "expired",
      scopes: allScopes,
      expiresAt: new Date(Date.now() - 1_000),
    });
    const member = randomUUID();
    await store.tenancy.setMember(theirs, member, "owner");
    const person = async (end?: "this") => {
      const [id, sessionId] = [randomUUID(), randomUUID()];
      await store.tenancy.setMember(ours, id, "owner");
      await store.sessions.open({ id: sessionId, userId: id, idleSeconds: 900, mostSeconds: 900 });
      if (end !== undefined) await store.sessions.end(id, sessionId, end, "session.close");
      return { kind: "user", id, sessionId };
    };
    const [loggedOut, loggedIn] = [await person("this"), await person()];
    const callers: Record<string, unknown> = {
      "who has logged out": loggedOut,
      "with somebody else's session": { ...loggedOut, sessionId: loggedIn.sessionId },
      "with a session that never was": { ...loggedIn, sessionId: randomUUID() },
      "with a made-up session": { ...loggedIn, sessionId: "' or true --" },
      "of another organization": { kind: "api_key", id: await key(theirs, allScopes) },
      "with a revoked key": { kind: "api_key", id: revoked },
      "with an expired key": { kind: "api_key", id: expired.id },
      "without the scope": { kind: "api_key", id: await key(ours, []) },
      "of an unknown kind": { kind: "service", id: revoked },
      "with a made-up id": { kind: "api_key", id: "1 or 1=1" },
      "who is a member elsewhere": { kind: "user", id: member },
      "who is nobody": {},
    };
    const guarded = (await functions()).filter(({ args }) => args.includes("p_caller"));
    expect(guarded.length).toBeGreaterThan(12);
    for (const { name, args, types } of guarded) {
      const values = types.map((type, i) => [args[i], kinds[type]]);
      for (const [who, caller] of Object.entries(callers)) {
        const { data, error } = await secret.rpc(name, {
          ...Object.fromEntries(values),
          p_organization: ours,
          p_caller: caller,
        });
        expect({ name, who, error, data }).toEqual({ name, who, error: null, data: { outcome: "forbidden" } });
      }
    }
    const [{ refused } = { refused: 0 }] = await supabase.query<{ refused: number }>(
      "select count(*)::integer as refused from sluice.audit_log where organization_id = $1 and result = 'refused'",
      [ours],
    );
    expect(refused).toBe(guarded.length * Object.keys(callers).length);
    const allowed = await supabase.query(
      "select 1 from sluice.audit_log where organization_id = $1 and result <> 'refused' and actor_kind <> 'database' and action not like 'session.%'",
      [ours],
    );
    expect(allowed).toEqual([]);
  });

  it("may do what the role gives and no more", async () => {
    const { id: organizationId } = await store.tenancy.createOrganization({ name: "roles" });
    const [viewer, other] = [randomUUID(), await store.tenancy.createOrganization({ name: "other" })];
    await store.tenancy.setMember(organizationId, viewer, "viewer");
    const scope = { organizationId, caller: { kind: "user" as const, id: viewer } };
    expect(await store.reading.documents(scope, {}, null, 10)).toEqual({ items: [], next: null });
    for (const attempt of [
      store.reading.createBatch(scope, "mine"),
      store.intake.accept(scope, [], 1),
      store.intake.deleteDocument(scope, randomUUID()),
      store.reading.documents({ ...scope, organizationId: other.id }, {}, null, 10),
    ])
      await expect(attempt).rejects.toMatchObject({ code: "forbidden" });
  });

  it("finds nothing of an organization that is not its own, by any id", async () => {
    const [one, two] = await Promise.all(
      ["one", "two"].map(async (name) => {
        const { id: organizationId } = await store.tenancy.createOrganization({ name });
        const { id } = await store.apiKeys.asOperator.create({ organizationId, name, scopes: allScopes });
        return { organizationId, caller: { kind: "api_key" as const, id } };
      }),
    );
    if (one === undefined || two === undefined) throw new Error("organizations");
    const upload = {
      objectPath: randomUUID(),
      contentHash: "c",
      byteLength: 1,
      declaredType: null,
      mediaType: null,
      fileName: null,
    };
    const [answer] = await store.intake.accept(one, [upload], 1);
    const batch = await store.reading.createBatch(one, "theirs");
    if (answer === undefined || !("documentId" in answer)) throw new Error("not accepted");
    const { documentId } = answer;
    for (const attempt of [
      store.reading.document(two, documentId),
      store.reading.derived(two, documentId, "chunks", { after: -1, limit: 10 }),
      store.reading.events(two, documentId, null, 10),
      store.reading.original(two, documentId),
      store.reading.batch(two, batch.id),
      store.reading.batchAction(two, batch.id, "cancel"),
      store.intake.reprocess(two, documentId),
      store.intake.deleteDocument(two, documentId),
    ])
      await expect(attempt).rejects.toMatchObject({ code: "not_found" });
    expect(await store.reading.documents(two, { documentId }, null, 10)).toMatchObject({ items: [] });
    expect(
      (await store.intake.accept(two, [{ ...upload, objectPath: randomUUID(), batchId: batch.id }], 1))[0],
    ).toMatchObject({
      outcome: "batch_missing",
    });
    expect(await store.reading.document(one, documentId)).toMatchObject({ status: "uploaded" });
  });
});

describe("an outsider", () => {
  let intruders: [string, SupabaseClient][];
  beforeAll(async () => {
    const user = client(supabase.publishableKey);
    const { error } = await user.auth.signUp({ email: "eve@example.org", password: "correct horse battery" });
    expect(error).toBeNull();
    intruders = [
      ["with the publishable key", client(supabase.publishableKey)],
      ["signed up", user],
    ];
  });

  it("gets at no table, by either schema, not even with the secret key", async () => {
    for (const [who, intruder] of [...intruders, ["with the secret key", client(supabase.secretKey)] as const]) {
      for (const table of ["ingestions", "chunks", "sections", "api_keys", "audit_log"]) {
        const plain = await intruder.from(table).select("*");
        expect({ who, table, data: plain.data, refused: plain.error !== null }).toEqual({
          who,
          table,
          data: null,
          refused: true,
        });
        const direct = await intruder.schema("sluice").from(table).select("*");
        expect({ who, table, data: direct.data, code: direct.error?.code }).toEqual({
          who,
          table,
          data: null,
          code: "PGRST106",
        });
        const written = await intruder.from(table).insert({ id: randomUUID() });
        expect(written.error).not.toBeNull();
      }
    }
  });

  it("can open no bucket and make none", async () => {
    for (const [who, { storage }] of intruders) {
      expect({ who, buckets: (await storage.listBuckets()).data ?? [] }).toEqual({ who, buckets: [] });
      expect((await storage.createBucket(randomUUID(), { public: true })).error).not.toBeNull();
      expect((await storage.updateBucket("originals", { public: true })).error).not.toBeNull();
    }
    expect(await supabase.query("select id, public from storage.buckets")).toEqual([
      { id: "originals", public: false },
    ]);
  });

  it("is refused every function", async () => {
    for (const [who, intruder] of intruders) {
      for (const { name, args, types } of await functions()) {
        const values = types.map((_, i) => [args[i], null]);
        const { data, error } = await intruder.rpc(name, Object.fromEntries(values));
        expect({ who, name, data, code: error?.code }).toEqual({ who, name, data: null, code: "42501" });
      }
    }
    const rows = await supabase.query("select 1 from sluice.organizations where name is null");
    expect(rows).toEqual([]);
  });

  it("can't list, fetch, put, move or remove originals, nor have links to them", async () => {
    const path = `${randomUUID()}/${randomUUID()}`;
    const owner = client(supabase.secretKey).storage.from("originals");
    expect((await owner.upload(path, Buffer.from("clinical"))).error).toBeNull();
    for (const [who, intruder] of intruders) {
      const bucket = intruder.storage.from("originals");
      const listed = await bucket.list(path.split("/")[0]);
      expect({ who, listed: listed.data ?? [] }).toEqual({ who, listed: [] });
      expect({ who, error: (await bucket.download(path)).error }).not.toEqual({ who, error: null });
      expect({ who, error: (await bucket.upload(`${randomUUID()}/x`, Buffer.from("x"))).error }).not.toEqual({
        who,
        error: null,
      });
      expect({ who, error: (await bucket.update(path, Buffer.from("x"))).error }).not.toEqual({ who, error: null });
      expect({ who, error: (await bucket.move(path, `${path}-moved`)).error }).not.toEqual({ who, error: null });
      expect({ who, error: (await bucket.createSignedUrl(path, 60)).error }).not.toEqual({ who, error: null });
      await bucket.remove([path]);
      const open = await fetch(bucket.getPublicUrl(path).data.publicUrl);
      expect({ who, ok: open.ok }).toEqual({ who, ok: false });
      await open.body?.cancel();
    }
    const kept = await owner.download(path);
    expect(await kept.data?.text()).toBe("clinical");
  });
});

describe("the ledger's tables", () => {
  it("only grow, whoever asks", async () => {
    const { id: organizationId } = await store.tenancy.createOrganization({ name: "history" });
    const { id } = await store.apiKeys.asOperator.create({ organizationId, name: "key", scopes: allScopes });
    const scope = { organizationId, caller: { kind: "api_key" as const, id } };
    const upload = {
      objectPath: randomUUID(),
      contentHash: "h",
      byteLength: 1,
      declaredType: null,
      mediaType: null,
      fileName: null,
    };
    const [first] = await store.intake.accept(scope, [upload], 1);
    await store.intake.accept(scope, [{ ...upload, objectPath: randomUUID() }], 1);
    await supabase.query("select sluice.book($1, 'p', 'm', 1, 1, 1)", [organizationId]);
    if (first === undefined || !("documentId" in first)) throw new Error("not accepted");
    await store.intake.deleteDocument(scope, first.documentId);
    const { head, items } = await store.audit.unsealed(0, 1);
    await store.audit.seal(
      head,
      items.map(({ id: entry }) => ({ id: entry, mac: "0".repeat(64) })),
    );
    for (const table of [
      "acceptances",
      "duplicate_receipts",
      "tombstones",
      "document_events",
      "audit_log",
      "audit_seals",
      "usage_events",
    ]) {
      const [row] = await supabase.query<{ n: number }>(`select count(*)::integer as n from sluice.${table}`);
      expect({ table, filled: (row?.n ?? 0) > 0 }).toEqual({ table, filled: true });
      for (const attack of [
        `update sluice.${table} set ${table === "audit_seals" ? "seq = seq + 1" : "organization_id = gen_random_uuid()"}`,
        `delete from sluice.${table}`,
        `truncate sluice.${table} cascade`,
      ])
        await expect(supabase.query(attack)).rejects.toMatchObject({ code: "42501" });
    }
  });
});

describe("migrations", () => {
  it("are applied once: a second run finds nothing to do", async () => {
    const db = await connectPostgres(supabase.databaseUrl);
    try {
      expect(await applyMigrations(db)).toEqual([]);
    } finally {
      await db.destroy();
    }
  });

  it("apply to a database that has none of them, by two at once, each exactly once", async () => {
    const [names] = await supabase.query<{ names: string[] }>(
      "select array_agg(oid::regprocedure::text) as names from pg_proc where pronamespace = 'public'::regnamespace and proname like 'sluice\\_%'",
    );
    await supabase.query("drop schema sluice cascade");
    for (const name of names?.names ?? []) await supabase.query(`drop function ${name}`);
    await supabase.query("drop schema supabase_migrations cascade");
    const both = await Promise.all([connectPostgres(supabase.databaseUrl), connectPostgres(supabase.databaseUrl)]);
    try {
      const applied = await Promise.all(both.map((db) => applyMigrations(db)));
      const versions = (await readdir(migrationsFolder)).sort().map((file) => file.slice(0, 14));
      expect(applied.flat().sort()).toEqual(versions);
    } finally {
      await Promise.all(both.map((db) => db.destroy()));
    }
    expect((await functions()).length).toBe(names?.names.length);
    const { id } = await store.tenancy.createOrganization({ name: "after" });
    expect((await store.supervision.ledger(id)).accepted).toBe(0);
  });
});
