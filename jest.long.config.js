import config from "./jest.config.js";

/** What takes too long for every change: other kinds of Redis, and the like. `.ci/run` runs it. @type {import("jest").Config} */
export default {
  ...config,
  testMatch: ["<rootDir>/{libs,services,apps}/*/dist/**/*.long.test.js", "<rootDir>/tests/dist/**/*.long.test.js"],
  testPathIgnorePatterns: ["/node_modules/"],
};
