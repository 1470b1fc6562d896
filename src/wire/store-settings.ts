/** Where a worker process finds artifacts and plans. */
export type WorkerStores =
  | {
      readonly kind: 'directory';
      /** The directory of the artifact store. */
      readonly artifactsDir: string;
      /** The file of the plan store. */
      readonly plansFile: string;
    }
  /** Needs a cache directory. */
  | { readonly kind: 's3'; readonly s3: S3Settings };

/** A bucket and a prefix in it. Credentials are found as the AWS SDK finds them (environment, files, roles). */
export interface S3Settings {
  readonly bucket: string;
  /** Empty, or without a slash at either end. */
  readonly prefix: string;
  readonly region: string;
  /** `http://host:port` of a server that isn't Amazon's. */
  readonly endpoint?: string;
  /** The bucket is in the path and not in the host's name. */
  readonly pathStyle: boolean;
}
