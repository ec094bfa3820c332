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
