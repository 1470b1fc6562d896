import { createRequire } from 'node:module';
import { S3Files } from './s3-files.ts';

interface Context {
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string | undefined>>;
  status: number;
}

interface Signature {
  getStringToSign: (canonical: { uri: string }, request: unknown) => string;
}

interface S3rver {
  readonly context: { store: S3Files };
  store: S3Files;
  readonly middleware: ((context: Context, next: () => Promise<void>) => Promise<void>)[];
  run(): Promise<unknown>;
}

const require = createRequire(import.meta.url);
const S3rverClass = require('@20minutes/s3rver') as new (options: object) => S3rver;

/** `node s3-process.ts PORT DIRECTORY BUCKET...`: the S3 server of s3-server.ts; says READY when it listens. */
const [port, directory = '', ...buckets] = process.argv.slice(2);
const server = new S3rverClass({
  address: '127.0.0.1',
  port: Number(port),
  silent: true,
  directory,
  vhostBuckets: false,
  configureBuckets: buckets.map((name) => ({ name })),
});
server.store = server.context.store = new S3Files(directory);
// AbortMultipartUpload is unknown to it.
server.middleware.unshift(async (context, next) => {
  const uploadId = context.query['uploadId'];
  if (context.method !== 'DELETE' || uploadId === undefined) return next();
  await server.store.abortUpload(context.path.split('/')[1] ?? '', uploadId);
  context.status = 204;
});
// The AWS client asks for buckets as `/bucket/`, and signs that; the server would look for a signature of `/bucket`.
const signature = require('@20minutes/s3rver/lib/signature/v4.js') as Signature;
const { getStringToSign } = signature;
signature.getStringToSign = (canonical, request) =>
  getStringToSign(
    /^\/[^/]+$/.test(canonical.uri) ? { ...canonical, uri: `${canonical.uri}/` } : canonical,
    request,
  );
// Its tokens for the next page need DES, which OpenSSL has no more; three times the same key makes triple DES the same.
const crypto = require('node:crypto') as {
  createCipheriv: (name: string, key: Buffer, iv: Buffer) => unknown;
};
const { createCipheriv } = crypto;
crypto.createCipheriv = (name, key, iv) =>
  name === 'des'
    ? createCipheriv('des-ede3-cbc', Buffer.concat([key, key, key]), iv)
    : createCipheriv(name, key, iv);
await server.run();
process.stdout.write('READY\n');
