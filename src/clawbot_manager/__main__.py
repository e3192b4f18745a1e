from clawbot_manager.cli.main import main

main()
