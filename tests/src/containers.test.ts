import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "@jest/globals";
import { parse } from "yaml";

const root = fileURLToPath(new URL("../../", import.meta.url));
const read = (file: string) => readFileSync(join(root, file), "utf8");

interface Service {
  profiles: string[];
  image: string;
  build?: { dockerfile: string; target: string; args?: { SERVICE: string } };
  init?: boolean;
  read_only?: boolean;
  user?: string;
  cap_drop?: string[];
  security_opt?: string[];
  depends_on?: Record<string, { condition: string; required?: boolean }>;
  secrets?: string[];
  volumes?: string[];
  ports?: string[];
  environment?: Record<string, string>;
  healthcheck?: object;
  stop_grace_period?: string;
  command?: string | string[];
  deploy?: { resources?: { limits?: { cpus?: string; memory?: string } } };
}
const compose = parse(read("docker-compose.yml"), { merge: true }) as {
  services: Record<string, Service>;
  secrets: Record<string, { file: string }>;
  volumes: Record<string, object>;
};
const services = Object.entries(compose.services);
const ours = services.filter(([, { image }]) => image.startsWith("sluice/"));

describe("docker-compose.yml", () => {
  it("pins every image by its version", () => {
    for (const [name, { image }] of services)
      expect([name, image]).toEqual([name, expect.stringMatching(/:v?\d+\.\d+/)]);
  });

  it("runs everything under an init, without new privileges, within limits and within a profile", () => {
    for (const [name, each] of services) {
      expect([name, each.init]).toEqual([name, true]);
      expect([name, each.security_opt]).toEqual([name, ["no-new-privileges:true"]]);
      expect([name, each.deploy?.resources?.limits]).toEqual([
        name,
        { cpus: expect.anything(), memory: expect.anything() },
      ]);
      expect([name, each.profiles.every((profile) => ["full", "hosted", "lite"].includes(profile))]).toEqual([
        name,
        true,
      ]);
    }
  });

  it("runs what is ours read-only, without capabilities, and not as root", () => {
    for (const [name, each] of ours) {
      expect([name, each.read_only, each.user, each.cap_drop]).toEqual([name, true, "node", ["ALL"]]);
      expect([name, each.stop_grace_period]).toEqual([name, "30s"]);
    }
  });

  it("waits for health, never for a start alone, but where an image is shared", () => {
    for (const [name, { depends_on: needs = {} }] of services)
      for (const [other, { condition, required }] of Object.entries(needs)) {
        expect(Object.keys(compose.services)).toContain(other);
        if (name === "recogniser" && other === "parser") continue;
        expect(["service_healthy", "service_completed_successfully"]).toContain(condition);
        // What is waited for runs under the same profiles, or need not be there.
        const shared = compose.services[name]?.profiles.every((each) =>
          compose.services[other]?.profiles.includes(each),
        );
        expect([name, other, shared || required === false]).toEqual([name, other, true]);
        const { healthcheck, image = "" } = compose.services[other] ?? {};
        if (condition === "service_healthy")
          expect([other, healthcheck !== undefined || image.startsWith("sluice/")]).toEqual([other, true]);
      }
  });

  it("has no secret in a variable, and each secret in a file that make-secrets writes", () => {
    for (const [name, { environment = {}, secrets = [] }] of services) {
      for (const [variable, value] of Object.entries(environment))
        if (/PASSWORD|SECRET|KEY(?!S)|REDIS_URL|DB_UR[LI]/.test(variable))
          expect([name, variable, String(value)]).toEqual([
            name,
            variable,
            expect.stringMatching(/\/run\/secrets\/\w+\}?$/),
          ]);
      for (const secret of secrets) expect(Object.keys(compose.secrets)).toContain(secret);
    }
    const folder = mkdtempSync(join(tmpdir(), "sluice-secrets-"));
    try {
      const make = () =>
        execFileSync(process.execPath, [join(root, "infra/docker/make-secrets.mjs"), join(folder, "s")]);
      make();
      expect(readdirSync(join(folder, "s")).sort()).toEqual(
        Object.values(compose.secrets)
          .map(({ file }) => file.replace("secrets/", ""))
          .sort(),
      );
      expect(statSync(join(folder, "s")).mode & 0o777).toBe(0o700);
      const before = readFileSync(join(folder, "s/jwt_secret"), "utf8");
      make();
      expect(readFileSync(join(folder, "s/jwt_secret"), "utf8")).toBe(before);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it("mounts only what is there, and publishes to this machine alone", () => {
    for (const [name, { volumes = [], ports = [] }] of services) {
      for (const volume of volumes) {
        const [source = ""] = volume.split(":");
        const isThere = source.startsWith("./") ? existsSync(join(root, source)) : source in compose.volumes;
        expect([name, source, isThere]).toEqual([name, source, true]);
      }
      for (const port of ports) expect([name, port]).toEqual([name, expect.stringMatching(/^127\.0\.0\.1:/)]);
    }
  });

  it("knows the services' names by which Prometheus finds them", () => {
    const { scrape_configs: jobs } = parse(read("infra/prometheus/prometheus.yml")) as {
      scrape_configs: { job_name: string; dns_sd_configs?: { names: string[] }[] }[];
    };
    for (const { job_name: job, dns_sd_configs: found } of jobs)
      if (found !== undefined) expect([found[0]?.names, job in compose.services]).toEqual([[job], true]);
  });
});

describe("the Dockerfile", () => {
  const text = read("infra/docker/Dockerfile");
  const instructions = text
    .replace(/\\\n/g, " ")
    .split("\n")
    .filter((line) => /^[A-Z]+ /.test(line));

  it("needs no BuildKit: no syntax line, no mounts, links, modes or here-documents", () => {
    expect(text).not.toMatch(/^#\s*(syntax|check|escape)=/im);
    for (const line of instructions)
      expect(line).not.toMatch(/--(mount|link|chmod|security|network|exclude|parents)\b|<</);
  });

  it("ends both images as a user who is not root, with a health check, on a base pinned by version", () => {
    const stages = text.split(/^FROM /m).slice(1);
    expect(stages.map((stage) => stage.split("\n")[0])).toEqual([
      "node:20.19.5-bookworm-slim AS build",
      "build AS packages",
      "node:20.19.5-bookworm-slim AS service",
      "node:20.19.5-bookworm-slim AS whole",
    ]);
    for (const stage of stages.slice(2)) {
      expect(stage.match(/^(USER|ENTRYPOINT|HEALTHCHECK|CMD) .*$/gm)?.map((line) => line.split(" ")[0])).toEqual([
        "USER",
        "HEALTHCHECK",
        "CMD",
      ]);
      expect(stage).toMatch(/^USER node$/m);
    }
  });

  it("builds each service that Compose names", () => {
    for (const [name, { build }] of ours) {
      if (build === undefined) continue;
      expect([name, build.dockerfile]).toEqual([name, "infra/docker/Dockerfile"]);
      expect(text).toContain(` AS ${build.target}\n`);
      if (build.args !== undefined)
        expect(existsSync(join(root, "services", build.args.SERVICE, "package.json"))).toBe(true);
    }
  });

  it("copies no secrets, dependencies or outputs in", () => {
    const ignored = read(".dockerignore").split("\n");
    for (const each of ["secrets", "**/.env", "**/node_modules", "**/dist", ".git", ".sluice"])
      expect(ignored).toContain(each);
  });
});
