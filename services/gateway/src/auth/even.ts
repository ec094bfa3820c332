/**
 * Answers made alike in time: how long Supabase takes tells whether there is such an account (a password is hashed, a mail is sent),
 * so nobody learns it before the moment `due`.
 */
export async function failingEvenly<T>(due: Promise<void>, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    await due;
    throw error;
  }
}

/** Waits for `due` and no longer. What failed until then is thrown; what is still under way goes on, and `late` is told if it fails. */
export async function answeringEvenly(
  due: Promise<void>,
  work: Promise<unknown>,
  late: (error: unknown) => void,
): Promise<void> {
  let failure: { error: unknown } | undefined;
  let isDue = false;
  work.catch((error: unknown) => {
    if (isDue) late(error);
    else failure = { error };
  });
  await due;
  isDue = true;
  if (failure !== undefined) throw failure.error;
}
