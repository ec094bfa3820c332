import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { createStack, freePort, type Stack, type StackInfo } from "@sluice/local";
import { connectPostgres } from "@sluice/store";
import { sluice } from "./support/cli.js";

const note = (i: number) =>
  `Progress note ${i}\n\nThe patient walked ${i + 100} metres without pain. Wound ${i} is dry and closed.\n`;

async function writeNotes(folder: string, count: number, from = 0): Promise<string> {
  await mkdir(folder, { recursive: true });
  for (let i = from; i < from + count; i++) await writeFile(join(folder, `note-${i}.txt`), note(i));
  return folder;
}

describe("the stack and the command line", () => {
  let base: string;
  let home: string;
  let stack: Stack;
  let info: StackInfo;
  const start = async () => {
    stack = createStack({
      home,
      port: await freePort(),
      env: { PATH: process.env.PATH, RECONCILE_GRACE_MS: "1000", WORKER_LEASE_MS: "5000" },
      log: () => {},
    });
    info = await stack.start();
  };
  beforeAll(async () => {
    base = await mkdtemp(join(tmpdir(), "sluice-stack-"));
    home = join(base, "home");
    await start();
  });
  afterAll(async () => {
    await stack?.destroy();
    await rm(base, { recursive: true, force: true });
  });

  it("takes a folder in, names what it can't take, and says so by its exit code", async () => {
    const folder = await writeNotes(join(base, "first"), 5);
    await writeFile(join(folder, "empty.txt"), "");
    await writeFile(join(folder, "program.bin"), Buffer.from([0x7f, 0x45, 0x4c, 0x46, 0, 1, 2, 3, 0, 255]));
    await writeFile(join(folder, "damaged.pdf"), "%PDF-1.7\nand nothing more");
    const { code, lines } = await sluice(home, ["ingest", folder, "--wait", "--json"]);
    expect(code).toBe(1);
    expect(lines.at(-1)).toMatchObject({
      type: "done",
      accepted: 6,
      refused: 2,
      counts: { vectorized: 5, failed: 1 },
      byCode: { file_empty: 1, media_type_unsupported: 1, document_corrupt: 1 },
    });
  });

  it("finds a document by a phrase of it", async () => {
    const { code, stdout } = await sluice(home, ["search", "walked 103 metres without pain"]);
    expect(code).toBe(0);
    expect(stdout.split("\n")[0]).toContain("note-3.txt");
  });

  it("goes on where a run was cut off, and sends nothing twice", async () => {
    const folder = await writeNotes(join(base, "many"), 120, 1_000);
    const cut = await sluice(home, ["ingest", folder, "--json", "--concurrency", "1"], {
      until: (text) => text.split('"receipt"').length > 20,
    });
    expect(cut.code).toBeNull();
    const rest = await sluice(home, ["ingest", folder, "--wait", "--json", "--concurrency", "1"]);
    expect(rest.code).toBe(0);
    expect(rest.stderr).toContain("going on with a run that was cut off");
    expect(rest.lines.at(-1)).toMatchObject({ accepted: 120, duplicates: 0, refused: 0, counts: { vectorized: 120 } });
    const sentAgain = rest.lines.filter((line) => line.type === "receipt").length;
    expect(sentAgain).toBeLessThan(120);
  });

  it("loses and doubles nothing when each of its processes is killed while it works", async () => {
    const folder = await writeNotes(join(base, "killed"), 60, 2_000);
    const run = sluice(home, ["ingest", folder, "--wait", "--json"]);
    for (const name of ["parser", "chunker", "embedder", "supervisor", "gateway", "redis", "supabase"]) {
      const before = await stack.info();
      process.kill(before.pids[name] as number, "SIGKILL");
      for (;;) {
        const now = await stack.info();
        if ((now.restarts[name] ?? 0) > (before.restarts[name] ?? 0)) break;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
    const { code, lines } = await run;
    expect(lines.at(-1)).toMatchObject({ accepted: 60, refused: 0, counts: { vectorized: 60 } });
    expect(code).toBe(0);
    const journals = (await readdir(join(home, "journals"))).map((file) => join(home, "journals", file));
    for (const journal of journals) {
      const check = await sluice(home, ["ledger", "check", "--journal", journal, "--json"]);
      expect(check.lines[0]).toMatchObject({ balanced: true, findings: [], journal: { missing: [] } });
      expect(check.code).toBe(0);
    }
  });

  it("keeps everything across a stop and a start", async () => {
    await stack.destroy();
    const down = await sluice(home, ["status"], { env: { SLUICE_URL: info.gatewayUrl, SLUICE_API_KEY: info.apiKey } });
    expect(down.code).toBe(3);
    await start();
    const { stdout } = await sluice(home, ["search", "walked 104 metres without pain"]);
    expect(stdout.split("\n")[0]).toContain("note-4.txt");
  });

  it("names an ingestion whose row somebody deleted", async () => {
    const db = await connectPostgres(info.databaseUrl as string);
    const [row] = await db.query<{ id: string }>(
      "delete from sluice.ingestions where id = (select id from sluice.ingestions limit 1) returning id",
    );
    await db.destroy();
    const { code, lines } = await sluice(home, ["ledger", "check", "--json"]);
    expect(code).toBe(1);
    expect(lines[0]).toMatchObject({ balanced: false, findings: [{ finding: "missing", ingestionId: row?.id }] });
  });

  it("migrates a database that is migrated by doing nothing, and finds the machine well", async () => {
    expect(await sluice(home, ["migrate"])).toMatchObject({ code: 0, stdout: "nothing to do\n" });
    const doctor = await sluice(home, ["doctor", "--json"]);
    expect(doctor.code).toBe(0);
  });

  it("tells a wrong command line from a service that can't be reached", async () => {
    expect((await sluice(home, ["ingest"])).code).toBe(2);
    expect((await sluice(home, ["no-such-command"])).code).toBe(2);
    expect((await sluice(home, ["ingest", "/no/such/folder"])).code).toBe(2);
    expect((await sluice(join(base, "elsewhere"), ["status"])).code).toBe(3);
  });
});
