import { variable } from "@sluice/runtime";
import { z } from "zod";

export const storeConfig = {
  url: variable("SUPABASE_URL", z.url(), "Supabase's address.", { wire: true }),
  secretKey: variable(
    "SUPABASE_SECRET_KEY",
    z.string().min(1),
    "Supabase's secret key (sb_secret_…, or the legacy service_role key).",
    { secret: true },
  ),
  objectsFolder: variable(
    "STORAGE_FOLDER",
    z.string().min(1).optional(),
    "Where the embedded Supabase on this machine keeps its objects: originals are read from there, not asked for. The local stack sets it.",
  ),
};
