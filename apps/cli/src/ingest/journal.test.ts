import { appendFile, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { type Journal, openJournal, type SentFile } from "./journal.js";

const organization = "00000000-0000-4000-8000-0000000000aa";
const run = { organization, name: "batch", sources: ["/archive"] };
const file = (path: string, mtimeMs = 1): SentFile => ({ path, size: 10, mtimeMs, fields: {} });
const receipt = (n: number) => ({ id: `00000000-0000-4000-8000-00000000000${n}` });

describe("the journal of an ingest", () => {
  let home: string;
  let open: Journal[];
  const journal = async (more: Partial<typeof run> = {}) => {
    const opened = await openJournal(home, { ...run, ...more });
    open.push(opened);
    return opened;
  };
  /** The process that held it is gone, and its lock is left. */
  const crash = (left: Journal) => writeFile(`${left.file}.lock`, "999999999 1\n");
  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), "sluice-journal-"));
    open = [];
  });
  afterEach(async () => {
    await Promise.all(open.map((each) => each.close()));
    await rm(home, { recursive: true });
  });

  it("goes on after a crash: what was answered is known, what was not is sent again under its key", async () => {
    const first = await journal();
    await first.batch("b1");
    await first.intent("k1", [file("a"), file("b")]);
    await first.receipt("k1", [file("a"), file("b")], [receipt(1), receipt(2)]);
    await first.intent("k2", [file("c")]);
    await crash(first);
    const second = await journal();
    expect(second).toMatchObject({ resumed: true, batchId: "b1", key: first.key });
    expect([...second.receipts]).toEqual([
      ["a", receipt(1)],
      ["b", receipt(2)],
    ]);
    expect([...second.unanswered]).toEqual([["k2", [file("c")]]]);
    expect([file("a"), file("c"), file("d")].map((each) => second.has(each))).toEqual([true, true, false]);
  });

  it("takes a file that changed since for a new one", async () => {
    const first = await journal();
    await first.intent("k1", [file("a")]);
    await crash(first);
    expect((await journal()).has(file("a", 2))).toBe(false);
  });

  it("tells the same file with another patient from the first", async () => {
    const first = await journal();
    const [one, two] = ["a", "b"].map((patient) => ({ ...file("x"), fields: { patient } })) as [SentFile, SentFile];
    await first.intent("k1", [one]);
    await first.receipt("k1", [one], [receipt(1)]);
    expect([first.has(one), first.has(two)]).toEqual([true, false]);
  });

  it("passes over a last line that was cut off in the writing", async () => {
    const first = await journal();
    await first.intent("k1", [file("a")]);
    await appendFile(first.file, '\n{"type":"receipt","key":"k1","rec');
    await crash(first);
    const second = await journal();
    await second.intent("k2", [file("b")]);
    await crash(second);
    expect([...(await journal()).unanswered.keys()]).toEqual(["k1", "k2"]);
  });

  it("begins anew after the end, and keeps the old one", async () => {
    const first = await journal();
    await first.intent("k1", [file("a")]);
    await first.receipt("k1", [file("a")], [receipt(1)]);
    await first.sealed();
    await first.end();
    await crash(first);
    const second = await journal();
    expect(second).toMatchObject({ resumed: false, wasSealed: false });
    expect(second.key).not.toBe(first.key);
    expect(second.has(file("a"))).toBe(false);
    expect((await readdir(join(home, "journals"))).some((name) => name.endsWith(".done"))).toBe(true);
  });

  it("is held by one run at a time, and is free when that one is over", async () => {
    const first = await journal();
    await first.intent("k1", [file("a")]);
    await expect(journal()).rejects.toMatchObject({ name: "LockedError", pid: process.pid });
    await first.intent("k2", [file("b")]);
    await first.close();
    open = [];
    expect([...(await journal()).unanswered.keys()]).toEqual(["k1", "k2"]);
  });

  it("knows that all was sent when a run was cut off after that", async () => {
    const first = await journal();
    await first.sealed();
    await crash(first);
    expect(await journal()).toMatchObject({ resumed: true, wasSealed: true });
  });

  it("is one's own: another organization, batch name or other paths have another", async () => {
    const first = await journal();
    expect((await journal({ name: "other" })).file).not.toBe(first.file);
    expect((await journal({ organization: organization.replace("aa", "bb") })).file).not.toBe(first.file);
    expect((await journal({ sources: ["/else"] })).file).not.toBe(first.file);
    expect((await stat(first.file)).mode & 0o077).toBe(0);
  });
});
