// What the registry knows of weaknesses in the packages that are shipped. A registry that does not answer has said nothing: the check
// then counts as not run, never as passed. Exit code 1 for a high or critical weakness; with --strict for "not run" as well.
import { spawnSync } from "node:child_process";

const { stdout } = spawnSync("npm", ["audit", "--omit=dev", "--json"], {
  encoding: "utf8",
  timeout: 120_000,
  maxBuffer: 64 * 1024 * 1024,
});
const counts = (() => {
  try {
    return JSON.parse(stdout).metadata?.vulnerabilities;
  } catch {
    return undefined;
  }
})();

if (counts === undefined) {
  process.stdout.write("npm audit: not run (the registry did not answer)\n");
  process.exitCode = process.argv.includes("--strict") ? 1 : 0;
} else {
  const { critical = 0, high = 0, moderate = 0, low = 0 } = counts;
  process.stdout.write(`npm audit: ${critical} critical, ${high} high, ${moderate} moderate, ${low} low\n`);
  process.exitCode = critical + high > 0 ? 1 : 0;
}
