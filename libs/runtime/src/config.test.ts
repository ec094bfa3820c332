import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { z } from "zod";
import { ConfigError, describeConfig, readConfig, variable } from "./config.js";

const definition = {
  redis: { url: variable("REDIS_URL", z.string(), "Where Redis is.", { secret: true }) },
  port: variable("PORT", z.coerce.number().int().default(8080), "Port."),
};

describe("configuration", () => {
  it("comes out nested and typed, with defaults", () => {
    expect(readConfig(definition, { REDIS_URL: "redis://x" })).toEqual({ redis: { url: "redis://x" }, port: 8080 });
  });

  it("names everything that is wrong at once, and no value", () => {
    const error = (() => {
      try {
        readConfig(definition, { PORT: "geheim" });
      } catch (caught) {
        return caught as ConfigError;
      }
      return undefined;
    })();
    expect(error).toBeInstanceOf(ConfigError);
    expect(error?.problems.map((each) => each.name)).toEqual(["REDIS_URL", "PORT"]);
    expect(error?.message).not.toContain("geheim");
  });

  it("takes a secret from a file", () => {
    const folder = mkdtempSync(join(tmpdir(), "sluice-config-"));
    try {
      writeFileSync(join(folder, "url"), "redis://file\n");
      expect(readConfig(definition, { REDIS_URL_FILE: join(folder, "url") }).redis.url).toBe("redis://file");
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("describes itself for the docs", () => {
    expect(describeConfig(definition)).toEqual([
      { name: "REDIS_URL", meaning: "Where Redis is.", default: undefined, secret: true },
      { name: "PORT", meaning: "Port.", default: "8080", secret: false },
    ]);
  });
});

describe("in production", () => {
  const definition = {
    redis: variable("REDIS_URL", z.string(), "", { wire: true }),
    database: variable("SUPABASE_DB_URL", z.string().optional(), "", { wire: true }),
  };
  const problems = (env: NodeJS.ProcessEnv) => {
    try {
      readConfig(definition, { NODE_ENV: "production", ...env });
      return [];
    } catch (error) {
      return (error as ConfigError).problems.map(({ name }) => name);
    }
  };

  it.each([
    ["redis://redis.example:6379", ["REDIS_URL"]],
    ["rediss://redis.example:6379", []],
    ["redis://127.0.0.1:6379", []],
    ["redis://localhost:6379", []],
    ["redis://[::1]:6379", []],
    ["redis://127.0.0.1.example.org:6379", ["REDIS_URL"]],
    ["redis://10.0.0.1:6379", ["REDIS_URL"]],
    ["http://supabase.example", ["REDIS_URL"]],
    ["https://supabase.example", []],
  ])("%s is refused: %s", (REDIS_URL, expected) => expect(problems({ REDIS_URL })).toEqual(expected));

  it.each([
    ["postgresql://u:p@db.example/postgres", ["SUPABASE_DB_URL"]],
    ["postgresql://u:p@db.example/postgres?sslmode=disable", ["SUPABASE_DB_URL"]],
    ["postgresql://u:p@db.example/postgres?sslmode=prefer", ["SUPABASE_DB_URL"]],
    ["postgresql://u:p@db.example/postgres?sslmode=verify-full", []],
    ["postgresql://postgres@/postgres?host=%2Frun%2Fsql", []],
  ])("%s is refused: %s", (SUPABASE_DB_URL, expected) =>
    expect(problems({ REDIS_URL: "rediss://r", SUPABASE_DB_URL })).toEqual(expected),
  );

  it("plain text is taken where it is allowed by name, and elsewhere than in production", () => {
    const REDIS_URL = "redis://redis.example";
    expect(problems({ REDIS_URL, ALLOW_PLAINTEXT: "RERANK_URL, REDIS_URL" })).toEqual([]);
    expect(problems({ REDIS_URL, ALLOW_PLAINTEXT: "RERANK_URL" })).toEqual(["REDIS_URL"]);
    expect(problems({ REDIS_URL, NODE_ENV: "development" })).toEqual([]);
  });

  it("certificates can't go unchecked", () => {
    expect(problems({ REDIS_URL: "rediss://r", NODE_TLS_REJECT_UNAUTHORIZED: "0" })).toEqual([
      "NODE_TLS_REJECT_UNAUTHORIZED",
    ]);
  });
});
