/** Tests run as compiled: what is tested is what is shipped. @type {import("jest").Config} */
export default {
  testMatch: [
    "<rootDir>/{libs,services,apps}/*/dist/**/*.test.js",
    "<rootDir>/bench/dist/**/*.test.js",
    "<rootDir>/tests/dist/**/*.test.js",
  ],
  testPathIgnorePatterns: ["/node_modules/", "\\.long\\.test\\.js$"],
  modulePathIgnorePatterns: ["<rootDir>/\\.sluice"],
  transform: {},
  testEnvironment: "node",
  testTimeout: 240_000,
  maxWorkers: 2,
  reporters: ["default", "<rootDir>/infra/jest-closing-line.js"],
};
