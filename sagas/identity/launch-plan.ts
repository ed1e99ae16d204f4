/** The sample plan every new tenant finds: what a first week with the platform may look like. */
export const launchPlan = {
  title: 'Launch plan',
  tasks: [
    'Track the price of your best-selling product',
    'Track the same product at two competitors and put them into one group',
    'Look at the overview after the first daily checks',
    'Invite a colleague',
    'Connect your shop',
  ],
} as const;
