import { variable } from "@sluice/runtime";
import { z } from "zod";

export const storeConfig = {
  url: variable("SUPABASE_URL", z.url(), "Supabase's address."),
  secretKey: variable(
    "SUPABASE_SECRET_KEY",
    z.string().min(1),
    "Supabase's secret key (sb_secret_…, or the legacy service_role key).",
    { secret: true },
  ),
};
