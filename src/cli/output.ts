/** Rows as an aligned table with a heading, for people; scripts ask for `--json`. */
export function table(heading: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = heading.map((name, column) =>
    Math.max(name.length, ...rows.map((row) => (row[column] ?? '').length)),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
  return [line(heading.map((name) => name.toUpperCase())), ...rows.map(line)].join('\n');
}

export function print(text: string): void {
  process.stdout.write(text.endsWith('\n') ? text : `${text}\n`);
}

/** There are no keys yet: whoever starts a server that others reach is told so. */
export function warnIfOpen(host: string): void {
  if (host === '127.0.0.1' || host === 'localhost' || host === '::1') return;
  print(
    'Anyone who reaches this address may read and change everything: put it behind something that checks.',
  );
}

const UNITS: readonly (readonly [string, number])[] = [
  ['GiB', 1024 ** 3],
  ['MiB', 1024 ** 2],
  ['KiB', 1024],
];

export function formatBytes(bytes: number): string {
  const [unit, size] = UNITS.find(([, size]) => bytes >= size) ?? ['B', 1];
  return `${(bytes / size).toFixed(size === 1 ? 0 : 1)} ${unit}`;
}
