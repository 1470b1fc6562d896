/** Asks again and again, each time after the answer before, until it is yes; the test's own timeout bounds it. */
export async function until(
  what: string,
  isSo: () => boolean | Promise<boolean>,
  maxAsks = 2_000,
): Promise<void> {
  for (let asks = 0; asks < maxAsks; asks++) {
    if (await isSo()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`it never came about that ${what}`);
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
