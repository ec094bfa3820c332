import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Missing, type Preparation, type Prepared } from "./drill.js";

/** Clocks of single processes that are off, by libfaketime: what a machine with a wrong clock has, and nothing but the wall clock. */
export interface SkewedClocks extends Prepared {
  /** From now on, within a second, also while it runs. */
  set(service: string, seconds: number): Promise<void>;
}

const library = "libfaketime.so.1";

function find(): string | undefined {
  const folders = ["/usr/lib", "/usr/local/lib", "/usr/lib64"].filter(existsSync);
  const candidates = folders.flatMap((folder) =>
    ["", ...readdirSync(folder).filter((name) => name.includes("linux"))].map((name) =>
      join(folder, name, "faketime", library),
    ),
  );
  return candidates.find(existsSync);
}

/** Where it is missing and this is a Debian as root, it is installed, like Redis. */
function libraryPath(): string {
  const there = find();
  if (there !== undefined) return there;
  if (process.getuid?.() === 0 && existsSync("/usr/bin/apt-get")) {
    console.error("installing faketime");
    const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
    for (const command of [
      ["update", "-qq"],
      ["install", "-y", "-qq", "--no-install-recommends", "faketime"],
    ])
      spawnSync("apt-get", command, { env, stdio: "ignore" });
  }
  const installed = find();
  if (installed === undefined)
    throw new Missing(
      "This drill needs libfaketime: install it (Debian and Fedora: faketime, Alpine: libfaketime), and try again.",
    );
  return installed;
}

export async function skewClocks({ folder }: Preparation, skews: Record<string, number>): Promise<SkewedClocks> {
  const preload = libraryPath();
  const fileOf = (service: string) => join(folder, `clock-${service}`);
  const set = (service: string, seconds: number) => writeFile(fileOf(service), `${seconds < 0 ? "" : "+"}${seconds}\n`);
  for (const [service, seconds] of Object.entries(skews)) await set(service, seconds);
  return {
    set,
    override: (service) =>
      skews[service] === undefined
        ? {}
        : {
            env: {
              LD_PRELOAD: preload,
              FAKETIME_TIMESTAMP_FILE: fileOf(service),
              FAKETIME_CACHE_DURATION: "1",
              // Timers and time limits go by the monotonic clock, which nobody sets.
              FAKETIME_DONT_FAKE_MONOTONIC: "1",
              DONT_FAKE_MONOTONIC: "1",
              NO_FAKE_STAT: "1",
            },
          },
  };
}
