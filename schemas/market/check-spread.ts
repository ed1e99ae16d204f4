/** Scheduled checks of a tenant's products are spread over this time, so that a thousand do not start in one second. */
export const checkSpreadMs = 30 * 60 * 1000;
