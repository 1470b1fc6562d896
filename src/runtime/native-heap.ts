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

/** Gives whole pages back to the system; they read as zeros from then on. About 0.1 us a KiB. */
export interface PageReturn {
  (pages: Uint8Array): void;
  /** Where the first page of a buffer begins, from its start. */
  startOf(bytes: Uint8Array): number;
}

const MADV_DONTNEED = 4;

/** `unavailable` says why where the system can't be told, or not by pages of `pageBytes`: pages stay with the process. */
export async function openPageReturn(
  pageBytes: number,
  unavailable: (reason: string) => void,
): Promise<PageReturn | undefined> {
  if (process.platform !== 'linux') {
    unavailable(`${process.platform} is told about free pages in another way`);
    return undefined;
  }
  try {
    const { default: koffi } = await import('koffi');
    const libc = koffi.load('libc.so.6');
    const systemBytes = (libc.func('getpagesize', 'int', []) as () => number)();
    if (pageBytes % systemBytes !== 0) {
      unavailable(`the system's pages have ${systemBytes} bytes`);
      return undefined;
    }
    const madvise = libc.func('madvise', 'int', ['uintptr_t', 'size_t', 'int']);
    const giveBack = (pages: Uint8Array): void => {
      if (madvise(koffi.address(pages), pages.byteLength, MADV_DONTNEED) !== 0)
        throw new Error(`the system took no ${pages.byteLength} bytes back`);
    };
    const startOf = (bytes: Uint8Array): number => {
      const beyond = Number(koffi.address(bytes) % BigInt(pageBytes));
      return beyond === 0 ? 0 : pageBytes - beyond;
    };
    return Object.assign(giveBack, { startOf });
  } catch (error) {
    unavailable((error as Error).message);
    return undefined;
  }
}
