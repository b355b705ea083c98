/** Whether what was asked of Docker's API is there. Throws any other refusal. */
export async function exists(inspected: Promise<unknown>): Promise<boolean> {
  try {
    await inspected;
    return true;
  } catch (error) {
    if ((error as { statusCode?: number }).statusCode === 404) return false;
    throw error;
  }
}
