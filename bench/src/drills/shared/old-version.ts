import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { Missing } from "./drill.js";

const root = fileURLToPath(new URL("../../../..", import.meta.url));
const migrations = "infra/supabase/migrations";
const services = ["gateway", "parser", "chunker", "embedder", "supervisor"];
/** How far back the one is looked for that is compared with, where there is no release. */
const furthest = 20;

function git(...args: string[]): string | undefined {
  const { status, stdout } = spawnSync("git", ["-C", root, ...args], { encoding: "utf8", maxBuffer: 1 << 28 });
  return status === 0 ? stdout.trim() : undefined;
}

/** Its migrations are the first ones of ours, unchanged: what a migration that expands finds. */
function isAncestorOfOurs(commit: string): boolean {
  const theirs = git("ls-tree", "--name-only", `${commit}:${migrations}`)?.split("\n") ?? [];
  const ours = readdirSync(join(root, migrations)).sort();
  return (
    theirs.length > 0 &&
    theirs.every(
      (name, i) =>
        name === ours[i] &&
        git("rev-parse", `${commit}:${migrations}/${name}`) === git("hash-object", join(root, migrations, name)),
    )
  );
}

function choose(): string {
  if (git("rev-parse", "HEAD") === undefined)
    throw new Missing("This drill builds an older version from git: run it in a clone of the repository.");
  const tag = git("describe", "--tags", "--abbrev=0");
  if (tag !== undefined && isAncestorOfOurs(tag)) return tag;
  const earlier = git("rev-list", "--first-parent", `--max-count=${furthest}`, "--skip=1", "HEAD")?.split("\n") ?? [];
  const found = earlier.filter((commit) => commit !== "" && isAncestorOfOurs(commit)).at(-1);
  if (found !== undefined) return found;
  const isShallow = git("rev-parse", "--is-shallow-repository") === "true";
  throw new Missing(
    isShallow
      ? "This drill builds an older version, and the clone has no history: `git fetch --unshallow`, or name a commit that is here with --from."
      : "No earlier commit's migrations are the beginning of this one's: name one with --from.",
  );
}

/** What is in node_modules, but for our own packages, which are the old ones there. */
function linkPackages(to: string): void {
  mkdirSync(join(to, "node_modules"));
  for (const name of readdirSync(join(root, "node_modules")))
    if (name !== "@sluice") symlinkSync(join(root, "node_modules", name), join(to, "node_modules", name));
  cpSync(join(root, "node_modules/@sluice"), join(to, "node_modules/@sluice"), {
    recursive: true,
    verbatimSymlinks: true,
  });
  for (const group of ["libs", "services"])
    for (const name of readdirSync(join(to, group))) {
      const own = join(group, name, "node_modules");
      if (existsSync(join(root, own))) symlinkSync(join(root, own), join(to, own));
    }
}

const Lock = z.object({ packages: z.record(z.string(), z.object({ version: z.string().optional() })) });

/** Whatever it needs is among what we have, in the same version. */
function isInstalledHere(there: string): boolean {
  const [ours, theirs] = [root, there].map(
    (at) => Lock.parse(JSON.parse(readFileSync(join(at, "package-lock.json"), "utf8"))).packages,
  );
  return Object.entries(theirs ?? {}).every(
    ([path, { version }]) => !path.includes("node_modules/") || ours?.[path]?.version === version,
  );
}

function run(command: string, args: string[], cwd: string): void {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: "utf8", maxBuffer: 1 << 28 });
  if (status !== 0)
    throw new Missing(`The old version can't be built: ${command} ${args.join(" ")}\n${stdout}${stderr}`);
}

export interface OldVersion {
  /** Its services are below. */
  root: string;
  commit: string;
  /** Files of services and libraries that differ from ours. */
  filesChanged: number;
}

/** Builds an earlier commit's services beside ours. Throws a Missing, in words for people, where it can't. */
export function buildOldVersion(folder: string, from?: string): OldVersion {
  const chosen = from ?? choose();
  const commit = git("rev-parse", "--short", `${chosen}^{commit}`);
  if (commit === undefined)
    throw new Missing(`There is no commit ${chosen} here; a shallow clone needs \`git fetch --unshallow\`.`);
  if (!isAncestorOfOurs(commit)) throw new Missing(`${chosen} has migrations that are not the beginning of ours.`);
  const changed = git("diff", "--name-only", commit, "--", ":(glob)services/*/src/**", ":(glob)libs/*/src/**") ?? "";
  const filesChanged = changed.split("\n").filter((name) => name !== "" && !name.includes(".test.")).length;
  if (filesChanged === 0)
    throw new Missing(`${chosen} has the same services as this version: name an older one with --from.`);

  const to = join(folder, "old");
  mkdirSync(to);
  console.error(`building ${commit}, of which ${filesChanged} files have changed since`);
  run("sh", ["-c", `git -C "$0" archive ${commit} | tar -x -C "$1"`, root, to], root);
  if (isInstalledHere(to)) linkPackages(to);
  else run("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], to);
  run(
    process.execPath,
    [join(to, "node_modules/typescript/bin/tsc"), "-b", ...services.map((name) => `services/${name}`)],
    to,
  );
  return { root: to, commit, filesChanged };
}
