package sqldb

import (
	"errors"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/schema"
)

// errMigrator keeps the schema in one place.
var errMigrator = errors.New("the schema is made by migrations, not by gorm")

// withoutMigrator is a dialector whose migrator refuses.
type withoutMigrator struct{ gorm.Dialector }

// Migrator gives one that refuses.
func (withoutMigrator) Migrator(*gorm.DB) gorm.Migrator { return refusing{} }

// refusing is a gorm.Migrator that changes nothing and sees nothing.
type refusing struct{}

var _ gorm.Migrator = refusing{}

func (refusing) AutoMigrate(...any) error                                { return errMigrator }
func (refusing) CurrentDatabase() string                                 { return "" }
func (refusing) FullDataTypeOf(*schema.Field) clause.Expr                { return clause.Expr{} }
func (refusing) GetTypeAliases(string) []string                          { return nil }
func (refusing) CreateTable(...any) error                                { return errMigrator }
func (refusing) DropTable(...any) error                                  { return errMigrator }
func (refusing) HasTable(any) bool                                       { return false }
func (refusing) RenameTable(any, any) error                              { return errMigrator }
func (refusing) GetTables() ([]string, error)                            { return nil, errMigrator }
func (refusing) TableType(any) (gorm.TableType, error)                   { return nil, errMigrator }
func (refusing) AddColumn(any, string) error                             { return errMigrator }
func (refusing) DropColumn(any, string) error                            { return errMigrator }
func (refusing) AlterColumn(any, string) error                           { return errMigrator }
func (refusing) HasColumn(any, string) bool                              { return false }
func (refusing) RenameColumn(any, string, string) error                  { return errMigrator }
func (refusing) ColumnTypes(any) ([]gorm.ColumnType, error)              { return nil, errMigrator }
func (refusing) CreateView(string, gorm.ViewOption) error                { return errMigrator }
func (refusing) DropView(string) error                                   { return errMigrator }
func (refusing) CreateConstraint(any, string) error                      { return errMigrator }
func (refusing) DropConstraint(any, string) error                        { return errMigrator }
func (refusing) HasConstraint(any, string) bool                          { return false }
func (refusing) CreateIndex(any, string) error                           { return errMigrator }
func (refusing) DropIndex(any, string) error                             { return errMigrator }
func (refusing) HasIndex(any, string) bool                               { return false }
func (refusing) RenameIndex(any, string, string) error                   { return errMigrator }
func (refusing) GetIndexes(any) ([]gorm.Index, error)                    { return nil, errMigrator }
func (refusing) MigrateColumn(any, *schema.Field, gorm.ColumnType) error { return errMigrator }
func (refusing) MigrateColumnUnique(any, *schema.Field, gorm.ColumnType) error {
	return errMigrator
}
