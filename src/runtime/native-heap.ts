/**
 * What glibc knows of its own heap. A resident set says little: pages that models left stay with the process until
 * they are used again. Threads share one account, so whoever compares two figures must be the only one at work.
 */
export interface NativeHeap {
  /** Bytes that are allocated now: what malloc gave and nobody freed. Microseconds for a small heap. */
  usedBytes(): number;
  /** Gives every free page back to the system, in another thread; about 0.1 ms a MB given back. */
  trim(): Promise<void>;
}

/** struct mallinfo2, since glibc 2.33; all arenas summed. */
const MALLINFO2_FIELDS = [
  'arena',
  'ordblks',
  'smblks',
  'hblks',
  'hblkhd',
  'usmblks',
  'fsmblks',
  'uordblks',
  'fordblks',
  'keepcost',
] as const;

type Mallinfo2 = Readonly<Record<(typeof MALLINFO2_FIELDS)[number], number>>;

/** Where the C library is another (macOS, musl) there is none, and `unavailable` says why. */
export async function openNativeHeap(unavailable: (reason: string) => void): Promise<NativeHeap | undefined> {
  if (process.platform !== 'linux') {
    unavailable(`${process.platform} has another C library than glibc`);
    return undefined;
  }
  try {
    const { default: koffi } = await import('koffi');
    const libc = koffi.load('libc.so.6');
    const fields = Object.fromEntries(MALLINFO2_FIELDS.map((name) => [name, 'size_t']));
    const mallinfo2 = libc.func('mallinfo2', koffi.struct(fields), []) as () => Mallinfo2;
    const mallocTrim = libc.func('malloc_trim', 'int', ['size_t']);
    return {
      usedBytes() {
        const { uordblks, hblkhd } = mallinfo2();
        return uordblks + hblkhd;
      },
      trim: () =>
        new Promise((resolve, reject) => {
          mallocTrim.async(0, (error: Error | null) => (error === null ? resolve() : reject(error)));
        }),
    };
  } catch (error) {
    unavailable((error as Error).message);
    return undefined;
  }
}
