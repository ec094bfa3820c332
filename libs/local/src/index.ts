/** The whole stack on one machine: for a person, for the demo, and for tests. */
export { freePort } from "./ports.js";
export { createStack, type Stack, type StackInfo, type StackOptions } from "./stack.js";
export { givenServers, startTestRedis, startTestSupabase, type TestRedis, type TestSupabase } from "./testing.js";
