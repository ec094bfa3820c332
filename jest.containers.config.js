import config from "./jest.config.js";

/**
 * The integration suite on the servers that production has, in containers: Redis, and PostgreSQL with pgvector behind Supabase Lite.
 * Tests that kill or flush a server run on their own ones only. @type {import("jest").Config}
 */
export default {
  ...config,
  testMatch: ["<rootDir>/tests/dist/**/*.test.js"],
  testPathIgnorePatterns: [...config.testPathIgnorePatterns, "/(stack|reliability|outages)\\.test\\.js$"],
  globalSetup: "<rootDir>/tests/dist/containers/setup.js",
  globalTeardown: "<rootDir>/tests/dist/containers/teardown.js",
};
