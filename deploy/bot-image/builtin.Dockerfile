# The built-in bot in a container: one directory on a bare Python. `make bot-images` builds it.
ARG BASE=python:3.11-slim-bookworm
FROM ${BASE}
LABEL clawbot-manager.managed="true"
COPY builtin_bot/ /opt/clawbot/builtin_bot/
# compiled here, because a bot in a read-only container compiles all of it again at each start
RUN python3 -m compileall -q --invalidation-mode unchecked-hash /opt/clawbot/builtin_bot
USER 1000:1000
EXPOSE 18789
# exec: the bot itself gets the signals; the identity comes from the runtime that starts it
CMD ["/bin/sh", "-c", "exec python3 -I -S /opt/clawbot/builtin_bot --bot-id \"$CLAWBOT_BOT_ID\" --instance \"$CLAWBOT_INSTANCE\""]
