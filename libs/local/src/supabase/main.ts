import { type SupabaseOptions, serveSupabase } from "./serve.js";

/**
 * The embedded Supabase's process. Its options come by message, so that no key is on a command line; what it prints is thrown away,
 * since it prints failing queries with their values.
 */
process.once("message", async (options: SupabaseOptions) => {
  try {
    const server = await serveSupabase(options);
    const stop = () => {
      server.destroy().then(
        () => process.exit(0),
        () => process.exit(1),
      );
    };
    process.on("SIGTERM", stop);
    process.on("disconnect", stop);
    process.send?.({ ready: server.port });
  } catch (error) {
    process.send?.({ failed: error instanceof Error ? `${error.name}: ${error.message}` : "unknown" }, () =>
      process.exit(1),
    );
  }
});
// The stack stops it; Ctrl-C in a terminal reaches the whole group, and the database goes last.
process.on("SIGINT", () => {});
