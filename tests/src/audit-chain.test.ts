import { appendFile, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { startTestSupabase, type TestSupabase } from "@sluice/local";
import { createLogger, createMetrics } from "@sluice/runtime";
import { type Anchor, allScopes, chainKeys, createStore, readAnchors, type Store, verifyAudit } from "@sluice/store";
import { type Anchors, createAnchors, createSealer } from "@sluice/supervisor";
import { sluice } from "./support/cli.js";

const secret = "a key that the database never sees, thirty-two bytes and more";
const keys = chainKeys(secret);
let supabase: TestSupabase;
let store: Store;
let folder: string;
let organizationId: string;
const logs: string[] = [];
const logger = createLogger("test", { destination: { write: (line: string) => void logs.push(line) } });

beforeAll(async () => {
  supabase = await startTestSupabase();
  store = createStore({ url: supabase.url, secretKey: supabase.secretKey });
  folder = await mkdtemp(join(tmpdir(), "sluice-audit-"));
  organizationId = (await store.tenancy.createOrganization({ name: "sealed" })).id;
});
afterAll(async () => {
  await supabase?.destroy();
  if (folder !== undefined) await rm(folder, { recursive: true, force: true });
});

/** As the database's superuser, with the triggers off: nothing in the database stands in the way. */
const tamper = (sql: string) => supabase.exec(`begin; set local session_replication_role = replica; ${sql}; commit;`);
const fileOf = (name: string) => join(folder, `${name}.jsonl`);
const sealer = (anchors: Anchors, audit: Pick<Store["audit"], "unsealed" | "seal"> = store.audit, by = keys) =>
  createSealer({ audit, keys: by, anchors, anchorMs: 0, metrics: createMetrics("test"), logger });
const act = async (times = 6) => {
  for (let i = 0; i < times; i++)
    await store.apiKeys.asOperator.create({ organizationId, name: `key ${i}`, scopes: allScopes });
};
const anchorsOf = async (file: string) => readAnchors(await readFile(file, "utf8")).anchors;
const verdict = (anchors: readonly Anchor[] = []) => verifyAudit(store.audit, keys, anchors);
const found = async (anchors: readonly Anchor[] = []) => (await verdict(anchors)).findings.map((each) => each.finding);

describe("a chain that somebody tampered with", () => {
  const file = () => fileOf("tampered");
  beforeAll(async () => {
    for (let i = 0; i < 3; i++) {
      await act();
      const each = sealer(createAnchors({ anchorFile: file() }));
      await each.turn();
      await each.destroy();
    }
    await supabase.exec(`create table public.kept_log as select * from sluice.audit_log;
      create table public.kept_seals as select * from sluice.audit_seals;`);
  });
  const restore = () =>
    tamper(`delete from sluice.audit_log; delete from sluice.audit_seals; delete from sluice.audit_unsealed;
      insert into sluice.audit_log overriding system value select * from public.kept_log;
      insert into sluice.audit_seals select * from public.kept_seals`);
  beforeEach(restore);
  afterAll(async () => {
    await restore();
    await supabase.exec("drop table public.kept_log; drop table public.kept_seals");
  });

  it("is intact before", async () => {
    const anchors = await anchorsOf(file());
    expect(anchors).toHaveLength(3);
    expect((await stat(file())).mode & 0o777).toBe(0o600);
    expect(await verdict(anchors)).toEqual({ links: 18, waiting: 0, anchors: 3, findings: [] });
  });

  it("shows a change of any field", async () => {
    const [{ id } = { id: 0 }] = await supabase.query<{ id: number }>(
      "select entry_id::integer as id from sluice.audit_seals where seq = 7",
    );
    const changes: Record<string, string> = {
      organization_id: "gen_random_uuid()",
      at: "at + interval '1 microsecond'",
      actor_kind: "'user'",
      actor_id: "gen_random_uuid()",
      action: "'x'",
      resource_kind: "'x'",
      resource_ids: "'{}'",
      result: "'refused'",
      request_id: "'x'",
      address: "'10.0.0.1'",
      detail: "detail || '{\"a\": 1}'",
    };
    const columns = await supabase.query<{ name: string }>(
      "select column_name as name from information_schema.columns where table_schema = 'sluice' and table_name = 'audit_log' and column_name <> 'id'",
    );
    expect(Object.keys(changes).sort()).toEqual(columns.map(({ name }) => name).sort());
    for (const [column, value] of Object.entries(changes)) {
      await tamper(`update sluice.audit_log set ${column} = ${value} where id = ${id}`);
      expect({ column, findings: (await verdict()).findings }).toEqual({
        column,
        findings: [{ finding: "altered", seq: 7, entryId: id }],
      });
      await tamper(`delete from sluice.audit_log where id = ${id};
        insert into sluice.audit_log overriding system value select * from public.kept_log where id = ${id}`);
    }
    expect(await found()).toEqual([]);
  });

  it("shows what was removed: an entry, its link, or both", async () => {
    await tamper("delete from sluice.audit_log where id = (select entry_id from sluice.audit_seals where seq = 5)");
    expect(await found()).toEqual(["removed"]);
    await tamper("delete from sluice.audit_seals where seq = 5");
    expect(await found()).toEqual(["removed"]);
    await tamper("delete from sluice.audit_seals where seq = 9");
    expect(await found()).toEqual(["removed", "removed", "inserted"]);
    await tamper("delete from sluice.audit_seals; delete from sluice.audit_log");
    expect(await found(await anchorsOf(file()))).toEqual(["cut_off", "cut_off", "cut_off"]);
  });

  it("shows a gap that was closed by counting anew", async () => {
    await tamper(`delete from sluice.audit_log where id = (select entry_id from sluice.audit_seals where seq = 5);
      delete from sluice.audit_seals where seq = 5; update sluice.audit_seals set seq = seq - 1 where seq > 5`);
    expect(await found()).toEqual(Array(13).fill("altered"));
  });

  it("shows what was put in another order", async () => {
    await tamper(`update sluice.audit_seals set entry_id = -entry_id where seq in (4, 5);
      update sluice.audit_seals s set entry_id = -(select o.entry_id from sluice.audit_seals o where o.seq = 9 - s.seq) where s.seq = 4;
      update sluice.audit_seals s set entry_id = (select k.entry_id from public.kept_seals k where k.seq = 4) where s.seq = 5`);
    expect(await found()).toEqual(["altered", "altered"]);
  });

  it("shows what was put in, also where the sealer seals it in good faith", async () => {
    const row = (at: string) =>
      `insert into sluice.audit_log (organization_id, at, actor_kind, action, resource_kind, result) values ('${organizationId}', ${at}, 'user', 'search', 'document', 'allowed')`;
    await tamper(row("now() - interval '1 hour'"));
    expect(await found()).toEqual(["inserted"]);
    await tamper("delete from sluice.audit_log where id not in (select entry_id from sluice.audit_seals)");
    // With the triggers on: it waits like any other.
    await supabase.exec(row("now() - interval '1 hour'"));
    await sealer(createAnchors({})).turn();
    expect(await found()).toEqual(["inserted"]);
  });

  it("shows that its end was cut off, by the anchors alone", async () => {
    await tamper(`delete from sluice.audit_log where id in (select entry_id from sluice.audit_seals where seq > 10);
      delete from sluice.audit_seals where seq > 10`);
    expect(await found()).toEqual([]);
    expect(await found(await anchorsOf(file()))).toEqual(["cut_off", "cut_off"]);
    // Sealed on by somebody who did not know: other links stand where the anchors were taken.
    await act(10);
    await sealer(createAnchors({})).turn();
    expect(await found(await anchorsOf(file()))).toEqual(["anchor_unknown", "anchor_unknown"]);
  });

  it("is not sealed on by a sealer that knows an anchor: it stops and says so", async () => {
    await tamper(`delete from sluice.audit_log where id in (select entry_id from sluice.audit_seals where seq > 10);
      delete from sluice.audit_seals where seq > 10`);
    await act(1);
    logs.length = 0;
    await sealer(createAnchors({ anchorFile: file() })).turn();
    expect(logs.join("")).toContain("audit.broken");
    expect(await verdict()).toMatchObject({ links: 10, waiting: 1 });
  });

  it("can't be written anew with another key, nor anchors be made for it", async () => {
    const other = chainKeys("another key of thirty-two bytes and more");
    await tamper(`update sluice.audit_log set result = 'refused' where id = (select entry_id from sluice.audit_seals where seq = 2);
      delete from sluice.audit_seals; insert into sluice.audit_unsealed select id from sluice.audit_log`);
    await sealer(createAnchors({}), store.audit, other).turn();
    expect(await found(await anchorsOf(file()))).toEqual([
      ...Array(5).fill("altered"),
      "altered",
      "anchor_unknown",
      ...Array(5).fill("altered"),
      "altered",
      "anchor_unknown",
      ...Array(5).fill("altered"),
      "altered",
      "anchor_unknown",
    ]);
    const head = { seq: 18, mac: "0".repeat(64) };
    const forged = { ...other.anchor(head, new Date()), key: keys.fingerprint };
    expect((await found([forged])).filter((finding) => finding === "anchor_forged")).toHaveLength(1);
  });

  it("is judged by the command line, with the exit code", async () => {
    const env = { SUPABASE_URL: supabase.url, SUPABASE_SECRET_KEY: supabase.secretKey, AUDIT_SEAL_KEY: secret };
    const run = (more: Record<string, string> = {}) =>
      sluice(folder, ["audit", "verify", "--anchor", file()], { env: { ...env, ...more } });
    expect(await run()).toMatchObject({ code: 0, stdout: expect.stringContaining("intact") });
    expect(await run({ AUDIT_SEAL_KEY: "x".repeat(40) })).toMatchObject({ code: 2 });
    await tamper("delete from sluice.audit_seals where seq > 17");
    const cut = await run();
    expect(cut.code).toBe(1);
    expect(cut.stdout).toContain("cut_off");
    expect(cut.stdout).toContain("NOT intact");
  });
});

describe("a sealer that dies", () => {
  it("loses nothing and seals nothing twice, wherever it was", async () => {
    const file = fileOf("deaths");
    const anchors = createAnchors({ anchorFile: file });
    const dies = () => Promise.reject(new Error("killed"));
    await act();
    // Before it sealed.
    await expect(sealer(anchors, { ...store.audit, seal: dies }).turn()).rejects.toThrow("killed");
    // When it had sealed, and did not come to know.
    const audit = store.audit;
    const unheard: typeof audit.seal = async (...args) => audit.seal(...args).then(dies);
    const deaf = sealer(anchors, { ...audit, seal: unheard });
    await expect(deaf.turn()).rejects.toThrow("killed");
    // Before a head was let out, and while one was written.
    await act();
    await sealer({ last: async () => undefined, put: dies }).turn();
    await appendFile(file, '{"v":1,"seq":');
    await act();
    await deaf.turn().catch(() => {});
    const last = sealer(anchors);
    await last.turn();
    await last.destroy();
    const { anchors: kept, unreadable } = readAnchors(await readFile(file, "utf8"));
    expect(unreadable).toBe(1);
    const { links, findings } = await verdict(kept);
    expect(findings).toEqual([]);
    const [count] = await supabase.query<{ n: number }>("select count(*)::integer as n from sluice.audit_log");
    expect(links).toBe(count?.n);
    expect(kept.at(-1)?.seq).toBe(links);
  });

  it("shares the chain with another without harm", async () => {
    await act(20);
    const two = [sealer(createAnchors({})), sealer(createAnchors({}))];
    for (let i = 0; i < 3; i++) await Promise.all(two.map((each) => each.turn()));
    expect(await verdict()).toMatchObject({ waiting: 0, findings: [] });
  });

  it("seals on while the bucket is out, and lets the head out when it is back", async () => {
    const got: { url: string | undefined; authorization: string | undefined; body: string }[] = [];
    let isOut = true;
    const bucket = createServer((request, response) => {
      let body = "";
      request.on("data", (part) => {
        body += String(part);
      });
      request.on("end", () => {
        if (!isOut) got.push({ url: request.url, authorization: request.headers.authorization, body });
        response.writeHead(isOut ? 503 : 200).end();
      });
    });
    await new Promise<void>((resolve) => bucket.listen(0, "127.0.0.1", resolve));
    try {
      const anchorUrl = `http://127.0.0.1:${(bucket.address() as AddressInfo).port}/heads/`;
      const each = sealer(createAnchors({ anchorUrl, anchorAuthorization: "Bearer t" }));
      await act(2);
      await each.turn();
      isOut = false;
      await act(1);
      await each.turn();
      await each.destroy();
      const last = got.at(-1);
      expect(last?.authorization).toBe("Bearer t");
      const { anchors } = readAnchors(last?.body ?? "");
      expect(last?.url).toBe(`/heads/${String(anchors[0]?.seq).padStart(16, "0")}.json`);
      expect(await verdict(anchors)).toMatchObject({ anchors: 1, findings: [] });
    } finally {
      bucket.closeAllConnections();
      bucket.close();
    }
  });
});

it("leaves a file of anchors that nobody signed alone", async () => {
  const file = fileOf("forged");
  const anchor = chainKeys("somebody else's key, of thirty-two bytes").anchor(
    { seq: 1, mac: "0".repeat(64) },
    new Date(),
  );
  await writeFile(file, `${JSON.stringify(anchor)}\n`);
  expect(await createAnchors({ anchorFile: file }).last(keys)).toBeUndefined();
});
