// Removes compiled files whose source is gone: `tsc -b` leaves them, and a deleted test would go on running.
import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";

const roots = ["libs", "services", "apps"].flatMap((group) => readdirSync(group).map((name) => join(group, name)));
for (const root of [...roots, "tests", "bench"]) {
  const dist = join(root, "dist");
  if (!existsSync(dist)) continue;
  for (const file of readdirSync(dist, { recursive: true })) {
    const stem = /^(.*?)(\.d\.ts|\.js\.map|\.js)$/.exec(file)?.[1];
    if (stem !== undefined && !existsSync(join(root, "src", `${stem}.ts`))) rmSync(join(dist, file));
  }
}
