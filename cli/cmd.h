/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CLI_CMD_H
#define CLI_CMD_H

/* The commands, one file each. argv[0] is the command's name; each returns an exit code. */
int cmd_report(int argc, char **argv);
int cmd_replay(int argc, char **argv);
int cmd_live(int argc, char **argv);
int cmd_interfaces(int argc, char **argv);

#endif
