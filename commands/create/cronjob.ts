import { CreateCommand, createFlags, cronJob, exactlyOneName, Flags, requireFlags } from '../../src/cli/index.ts';

export default class CreateCronJob extends CreateCommand {
  static override summary = 'Create a cron job.';
  static override usage = 'create cronjob NAME [flags] [-- COMMAND…]';
  static override strict = false;
  static override aliases = ['create:cj'];
  static override examples = [
    `<%= config.bin %> create cronjob nightly --image=busybox --schedule='0 1 * * *' -- date`,
  ];
  static override flags = {
    ...createFlags,
    image: Flags.string({ summary: 'the image to run' }),
    schedule: Flags.string({ summary: 'when, in cron syntax' }),
    restart: Flags.string({ summary: 'restart policy: OnFailure or Never' }),
  };

  async run(): Promise<void> {
    const { flags, words, afterDash } = await this.parseWords(CreateCronJob);
    requireFlags(flags, 'image', 'schedule');
    const name = exactlyOneName('create cronjob', words);
    await this.create(flags, () =>
      cronJob(name, { ...flags, image: flags.image!, schedule: flags.schedule! }, afterDash),
    );
  }
}
