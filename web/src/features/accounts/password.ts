/** Characters that a new password needs, as the server asks for. */
export const MIN_PASSWORD = 10;
