# OpenClaw's gateway on the Node that it asks for, both pinned in openclaw/package-lock.json and in the build script.
# `make bot-images` prepares the packages and builds it: the build itself asks no registry but for the base.
ARG BASE=debian:bookworm-slim
FROM ${BASE}
LABEL clawbot-manager.managed="true"
COPY node /usr/local/bin/node
COPY node_modules/ /opt/openclaw/node_modules/
USER 1000:1000
EXPOSE 18789
CMD ["node", "/opt/openclaw/node_modules/openclaw/openclaw.mjs", "gateway"]
