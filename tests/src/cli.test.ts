import { randomUUID } from "node:crypto";
import { appendFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { isAlive, type Service, takeLock } from "@sluice/runtime";
import { createGatewayFixture, type GatewayFixture } from "./gateway/support.js";
import { until } from "./support/checks.js";
import { type Ran, sluice } from "./support/cli.js";

const samples = fileURLToPath(new URL("../../samples/documents", import.meta.url));

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

type Options = Parameters<typeof sluice>[2] & { port?: number; key?: string };
const run = (args: string[], { port = g.gateway.port, key = g.tenant.key, env, ...options }: Options = {}) =>
  sluice(base, args, {
    ...options,
    env: { SLUICE_URL: `http://127.0.0.1:${port}`, SLUICE_API_KEY: key, ...env },
  });

async function folder(name: string, count: number): Promise<string> {
  const path = join(base, name);
  await mkdir(path, { recursive: true });
  for (let i = 0; i < count; i++) await writeFile(join(path, `${i}.txt`), `Note ${i} of ${name}: walked ${i} metres.`);
  return path;
}
const receiptsOf = ({ lines }: Ran) => lines.filter(({ type }) => type === "receipt");
/** A run that is killed when it has had a receipt, and its journal. */
async function cutOff(path: string, key: string): Promise<string> {
  const before = await journals();
  const args = ["ingest", path, "--json", "--concurrency", "1"];
  expect((await run(args, { key, until: (text) => text.includes('"receipt"') })).code).toBeNull();
  const [journal] = (await journals()).filter((each) => !before.includes(each));
  return journal as string;
}
async function journals(): Promise<string[]> {
  const names = await readdir(join(base, "journals")).catch(() => []);
  return names.filter((name) => name.endsWith(".jsonl")).map((name) => join(base, "journals", name));
}
/** The journal that names a file. */
async function journalOf(path: string): Promise<string> {
  for (const journal of await journals()) if ((await readFile(journal, "utf8")).includes(path)) return journal;
  throw new Error("no journal names it");
}
async function batchOf(journal: string): Promise<string> {
  return /"batchId":"([^"]+)"/.exec(await readFile(journal, "utf8"))?.[1] as string;
}

describe("a journal", () => {
  // An organization each: nobody waits for the documents of another test.
  let key: string;
  beforeEach(async () => {
    key = (await g.newTenant()).key;
  });

  it("is found again when the same organization is reached at another address, and not by another organization", async () => {
    const path = await folder("moved", 60);
    await cutOff(path, key);
    const other = await g.newGateway();
    const stranger = await g.newTenant();
    const theirs = await run(["ingest", path, "--json"], { port: other.port, key: stranger.key });
    expect(theirs.stderr).not.toContain("going on");
    expect(receiptsOf(theirs)).toHaveLength(60);
    const rest = await run(["ingest", path, "--json"], { port: other.port, key });
    expect(rest.stderr).toContain("going on with a run that was cut off");
    expect(receiptsOf(rest).length).toBeLessThan(60);
    expect(rest.lines.at(-1)).toMatchObject({ accepted: 60, duplicates: 0, refused: 0 });
  });

  it("is written by one run at a time: the second says who holds it; what a dead one left is taken over", async () => {
    const path = await folder("twice", 60);
    const journal = await cutOff(path, key);
    const [left] = (await readFile(`${journal}.lock`, "utf8")).split(" ");
    expect(isAlive(Number(left))).toBe(false);
    const lock = await takeLock(`${journal}.lock`);
    const before = await readFile(journal, "utf8");
    const second = await run(["ingest", path], { key });
    expect(second.code).toBe(2);
    expect(second.stderr).toContain(`Process ${process.pid} is ingesting the same`);
    expect(await readFile(journal, "utf8")).toBe(before);
    await lock.release();
    expect((await run(["ingest", path, "--json"], { key })).lines.at(-1)).toMatchObject({ accepted: 60, refused: 0 });
  });

  it.each([
    [
      "batch_closed",
      async (journal: string) => g.call(`/v1/batches/${await batchOf(journal)}/seal`, { key, json: {} }),
    ],
    ["not_found", (journal: string) => appendFile(journal, `\n{"type":"batch","batchId":"${randomUUID()}"}`)],
  ])("ends the run when its batch is %s, once for all files", async (code, spoil) => {
    const path = await folder(`closed-${code}`, 60);
    await spoil(await cutOff(path, key));
    const rest = await run(["ingest", path, "--json"], { key });
    expect(rest.code).toBe(1);
    expect(rest.stderr).toContain(`sluice: ${code}: batch `);
    expect(receiptsOf(rest)).toEqual([]);
    const anew = await run(["ingest", path, "--json", "--batch", `anew ${code}`], { key });
    expect(anew.lines.at(-1)).toMatchObject({ refused: 0 });
    expect(receiptsOf(anew)).toHaveLength(60);
  });
});

it("says once that the service is away while it waits, and once that it is back", async () => {
  const path = await folder("away", 2);
  const first = await g.newGateway();
  const { port } = first;
  const { key } = await g.newTenant();
  let down: Promise<void> | undefined;
  let up: Promise<Service[]> | undefined;
  const waited = await run(["ingest", path, "--wait", "--json"], {
    port,
    key,
    watch({ stdout, stderr }) {
      if (stdout.includes('"progress"')) down ??= first.destroy();
      if (stderr.includes("out of reach")) {
        up ??= g
          .newGateway({ PORT: String(port) })
          .then(() => g.pipeline.start("supervisor", "parser", "chunker", "embedder"));
      }
    },
  });
  await down;
  await Promise.all(((await up) ?? []).map((stage) => g.pipeline.stop(stage)));
  expect(waited.stderr.match(/out of reach/g)).toHaveLength(1);
  expect(waited.stderr.match(/is back/g)).toHaveLength(1);
  expect(waited.code).toBe(0);
});

describe("with the pipeline running", () => {
  let stages: Service[];
  beforeAll(async () => {
    stages = await g.pipeline.start("supervisor", "parser", "chunker", "embedder");
  });
  afterAll(async () => {
    await Promise.all(stages.map((stage) => g.pipeline.stop(stage)));
  });

  it("compares a journal's receipts ingestion by ingestion, and knows what was deleted or replaced", async () => {
    const path = await folder("compared", 5);
    expect((await run(["ingest", path, "--wait"])).code).toBe(0);
    const journal = await journalOf(join(path, "0.txt"));
    const text = await readFile(journal, "utf8");
    const receipts = (JSON.parse(text.split("\n").find((each) => each.includes('"receipt"')) as string).receipts ??
      []) as { id: string; ingestionId: string }[];
    expect(receipts).toHaveLength(5);
    const [deleted, replaced, lost] = receipts as [(typeof receipts)[0], (typeof receipts)[0], (typeof receipts)[0]];
    const check = async () => {
      const { code, lines } = await run(["ledger", "check", "--json", "--journal", journal]);
      return { code, ...(lines[0]?.journal as object) };
    };
    expect(await check()).toMatchObject({ code: 0, receipts: 5, fates: { there: 5 }, missing: [] });

    expect((await g.call(`/v1/documents/${deleted.id}`, { method: "DELETE" })).status).toBe(204);
    expect((await g.call(`/v1/documents/${replaced.id}/reprocess`, { json: {} })).status).toBe(202);
    expect(await check()).toMatchObject({ code: 0, fates: { there: 3, deleted: 1, replaced: 1 }, missing: [] });

    await appendFile(
      journal,
      `\n{"type":"receipt","key":"k","receipts":[{"id":"${lost.id}","ingestionId":"${randomUUID()}","revision":1}]}`,
    );
    await g.pipeline.drain(g.tenant.scope);
    await g.pipeline.supabase.query("delete from sluice.ingestions where id = $1", [lost.ingestionId]);
    const off = await check();
    expect(off).toMatchObject({
      code: 1,
      receipts: 6,
      fates: { there: 2, deleted: 1, replaced: 1, lost: 1, unknown: 1 },
    });
    expect(off).toHaveProperty(
      "missing",
      expect.arrayContaining([
        { fate: "lost", ingestionId: lost.ingestionId, documentId: lost.id },
        { fate: "unknown", ingestionId: expect.any(String), documentId: lost.id },
      ]),
    );
    const stranger = await g.newTenant();
    expect((await run(["ledger", "check", "--journal", journal], { key: stranger.key })).code).toBe(2);
  });

  it("names what was found inside a document by the file and the place in it", async () => {
    const file = join(samples, "hl7-batch.hl7");
    expect((await run(["ingest", file, "--wait"])).code).toBe(0);
    const [document] = (await g.call("/v1/documents/query", { json: { filter: { fileName: "hl7-batch.hl7" } } })).body
      .items;
    const children = await until(async () => {
      const { items } = (await g.call("/v1/documents/query", { json: { filter: { parentId: document.id } } })).body;
      return items.length === 3 && items;
    });
    const { stdout } = await run(["status", document.id]);
    const rows = stdout.split("\n").filter((line) => children.some(({ id }: { id: string }) => line.includes(id)));
    expect(rows).toHaveLength(3);
    const columns = rows.map((row) => row.search(/[0-9a-f]{8}-/));
    expect(new Set(columns).size).toBe(1);
    for (const { memberPath } of children) expect(stdout).toContain(memberPath);

    const [child] = children;
    expect((await run(["status", child.id])).stdout.split("\n")[0]).toBe(`hl7-batch.hl7 / ${child.memberPath}`);
    const chunks = (await g.call(`/v1/documents/${child.id}/chunks`)).body.items;
    const found = await run(["search", chunks[0].text.slice(0, 200), "-k", "20"]);
    expect(found.stdout).toContain(`hl7-batch.hl7 / ${child.memberPath}`);
    expect(found.stdout).not.toContain(child.id);
    // A key for searching alone may not look documents up: the passages are shown all the same.
    const { key } = await g.newTenant(["search"], g.tenant.scope.organizationId);
    expect((await run(["search", chunks[0].text.slice(0, 200)], { key })).code).toBe(0);
  });
});

describe("organizations, members and keys", () => {
  const env = () => ({ SUPABASE_URL: g.pipeline.supabase.url, SUPABASE_SECRET_KEY: g.pipeline.supabase.secretKey });
  const admin = (...args: string[]) => run(args, { env: env() });

  it("makes an organization and a key that works until it is revoked", async () => {
    const made = await admin("org", "create", "St. Mary");
    const org = made.stdout.trim();
    expect(made.code).toBe(0);
    expect((await admin("org", "ls")).stdout).toContain(`${org}  St. Mary`);
    const created = await admin("keys", "create", "--org", org, "--name", "import", "--scopes", "search");
    const key = created.stdout.trim();
    const id = /[0-9a-f-]{36}/.exec(created.stderr)?.[0] as string;
    expect(created.stderr).not.toContain(key);
    expect((await g.call("/v1/me", { key })).body).toEqual({
      organizationId: org,
      caller: { kind: "api_key", id },
      scopes: ["search"],
    });
    expect(await admin("keys", "revoke", id, "--org", g.tenant.scope.organizationId)).toMatchObject({ code: 1 });
    expect(await admin("keys", "revoke", id, "--org", org)).toMatchObject({ code: 0, stdout: `revoked ${id}\n` });
    await until(async () => (await g.call("/v1/me", { key })).status === 401);
  });

  it("makes a person a member, and changes the role", async () => {
    const [user, { organizationId }] = [randomUUID(), g.tenant.scope];
    for (const role of ["viewer", "admin"]) {
      expect((await admin("member", "set", user, "--org", organizationId, "--role", role)).code).toBe(0);
      expect(await g.pipeline.store.tenancy.memberships(user)).toMatchObject([{ organizationId, role }]);
    }
  });

  it("says plainly what it lacks or what is not there", async () => {
    expect(await run(["org", "ls"])).toMatchObject({ code: 2, stderr: expect.stringContaining("SUPABASE_URL") });
    expect(await admin("member", "set", "me", "--org", randomUUID(), "--role", "admin")).toMatchObject({ code: 2 });
    expect(await admin("keys", "create", "--org", randomUUID(), "--name", "x")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("There is no organization"),
    });
    const away = await run(["org", "ls"], { env: { ...env(), SUPABASE_URL: "http://127.0.0.1:9" } });
    expect(away).toMatchObject({ code: 3, stderr: expect.stringContaining("can't be reached") });
  });

  it("tells its version", async () => {
    expect((await run(["--version"])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});
